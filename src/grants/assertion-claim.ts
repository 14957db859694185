import { sha256Base64url } from '../runtime/digest.js'
import type { GrantId } from '../runtime/ids.js'
import type { Claim } from './grant-store.js'
import type { Workload } from '../workloads/workload.js'

/**
 * The claims that use assertions up, by their source's `reuse` (contract §3). `task`: the first use binds it to one task
 * or deferral, and to the key that was proved with it.
 */
export function claimsOn(
  workloads: readonly Workload[],
  grantId: GrantId,
  task: string,
  proofs: readonly string[],
): readonly Claim[] {
  const claims = new Map<string, Claim>()
  for (const { assertion } of workloads) {
    if (assertion.reuse === 'until_expiry') continue
    const binding = assertion.reuse === 'once' ? '' : sha256Base64url(JSON.stringify([grantId, task, ...proofs]))
    claims.set(assertion.key, { key: assertion.key, binding, until: assertion.expiresAt })
  }
  return [...claims.values()]
}
