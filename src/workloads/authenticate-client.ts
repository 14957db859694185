import { refuse, type Result } from '../runtime/result.js'
import type { ClientRefusal } from './client-refusal.js'
import type { VerifyWorkload } from './verify-workload.js'
import type { Workload } from './workload.js'

/**
 * The workload that a `client_assertion` proves (RFC 7523 §2.2). `client_id`
 * must match it when the client authenticates (contract §1).
 */
export async function authenticateClient(
  deps: { readonly verifyWorkload: VerifyWorkload },
  assertion: string,
  clientId: string | undefined,
): Promise<Result<Workload, ClientRefusal>> {
  const verified = await deps.verifyWorkload(assertion)
  if (!verified.ok) return refuse({ reason: 'client_refused', because: verified.refusal })
  if (!isNamedBy(verified.value, clientId)) return refuse({ reason: 'client_id_mismatch' })
  return verified
}

/** Without a `client_id` it is named by what it presents. */
export const isNamedBy = (workload: Workload, clientId: string | undefined): boolean =>
  clientId === undefined || clientId === workload.subject || clientId === workload.spiffeId
