import { holderOf } from '../grants/whereabouts.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { authenticateClient, isNamedBy } from '../workloads/authenticate-client.js'
import type { ClientRefusal } from '../workloads/client-refusal.js'
import type { Workload } from '../workloads/workload.js'
import type { ExchangeDeps } from './dependencies.js'

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
): Promise<Result<readonly Workload[], ClientRefusal>> {
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
