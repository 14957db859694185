import { ok, refuse, type Result } from '../runtime/result.js'
import { holderOf } from '../grants/whereabouts.js'
import type { Workload } from '../workloads/workload.js'
import type { ExchangeDeps } from './dependencies.js'
import type { ExchangeRefusal } from './refusal.js'

/** The workload that a `client_assertion` proves (RFC 7523 §2.2). `client_id` must match it when the client authenticates (contract §1). */
export async function authenticateClient(
  deps: Pick<ExchangeDeps, 'verifyWorkload'>,
  assertion: string,
  clientId: string | undefined,
): Promise<Result<Workload, ExchangeRefusal>> {
  const verified = await deps.verifyWorkload(assertion)
  if (!verified.ok) return refuse({ reason: 'client_refused', because: verified.refusal })
  if (!isNamedBy(verified.value, clientId)) return refuse({ reason: 'client_id_mismatch' })
  return verified
}

const isNamedBy = (workload: Workload, clientId: string | undefined): boolean =>
  clientId === undefined || clientId === workload.subject || clientId === workload.spiffeId

/** Whether two assertions prove the same run of the same workload. */
const isSameRun = (a: Workload, b: Workload): boolean => holderOf(a, []) === holderOf(b, [])

/**
 * The workloads that an exchange has proved: its subject, and its client when it authenticates by another assertion.
 * The two must be one run: nobody speaks for somebody else.
 */
export async function authenticateBeside(
  deps: Pick<ExchangeDeps, 'verifyWorkload'>,
  subject: Workload,
  request: {
    readonly subjectToken: string | undefined
    readonly clientAssertion: string | undefined
    readonly clientId: string | undefined
  },
): Promise<Result<readonly Workload[], ExchangeRefusal>> {
  // Without either, the subject is the client, by its certificate.
  const isClient = request.clientAssertion === request.subjectToken
  if (isClient) return isNamedBy(subject, request.clientId) ? ok([subject]) : refuse({ reason: 'client_id_mismatch' })
  if (request.clientAssertion === undefined) return ok([subject])
  const client = await authenticateClient(deps, request.clientAssertion, request.clientId)
  if (!client.ok) return client
  return isSameRun(subject, client.value)
    ? ok([subject, client.value])
    : refuse({ reason: 'client_refused', because: { reason: 'client_is_not_the_subject' } })
}
