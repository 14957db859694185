import { changeTo } from '../grants/end-grant.js'
import { storedAsOf } from '../grants/lifecycle.js'
import { claimProof } from '../grants/proof-claim.js'
import { reviseGrant } from '../grants/revise-grant.js'
import { holderByKeys, holderOf } from '../grants/whereabouts.js'
import { sha256Base64url } from '../runtime/digest.js'
import { shardOfDeferralCode, type GrantId, type Shard } from '../runtime/ids.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { authenticateClient } from '../workloads/authenticate-client.js'
import type { ClientRefusal } from '../workloads/client-refusal.js'
import { keyNames } from '../workloads/possession.js'
import type { RevokeDeps, RevokeRequest } from './revoke-request.js'

/**
 * Deferred Token Response, "Cancellation": authenticated as a poll is, with each proof of the first request. With
 * its last code, a request that nobody waits for is withdrawn.
 */
export async function cancelDeferral(deps: RevokeDeps, request: RevokeRequest): Promise<Result<'done', ClientRefusal>> {
  const canceller = await identifyCanceller(deps, request)
  if (!canceller.ok) return canceller
  const { shard, holder, workload } = canceller.value
  const hash = sha256Base64url(request.token)
  const grantId = await deps.deferrals.grantOf(shard, hash, holder)
  if (grantId === undefined) return ok('done')
  const subject = { grantId, ...(workload === undefined ? {} : { workload }) }
  const event = deps.describe(shard, 'deferral.cancelled', deps.clock.now(), subject)
  const cancelled = await deps.deferrals.cancel(shard, hash, holder, [event])
  if (cancelled.kind === 'cancelled' && cancelled.others === 0) await withdraw(deps, grantId, workload)
  return ok('done')
}

/**
 * While it is pending; what people have decided stands. Whoever polls by
 * keys alone withdraws in the name of whom it was asked for.
 */
async function withdraw(deps: RevokeDeps, id: GrantId, workload: string | undefined): Promise<void> {
  await reviseGrant<{ readonly reason: 'not_pending' }>(deps, id, (opened) => {
    if (storedAsOf(opened, deps.clock.now()).status !== 'pending') return refuse({ reason: 'not_pending' })
    const by = workload ?? opened.grant.terms.requested_by.id
    return ok(changeTo(deps, opened.grant, 'withdrawn', { by, kind: 'workload' }))
  })
}

interface Canceller {
  readonly shard: Shard
  readonly holder: string
  /** The SPIFFE id; `undefined` where keys alone say who it is. */
  readonly workload: string | undefined
}

async function identifyCanceller(
  deps: RevokeDeps,
  { token, clientAssertion, clientId, proof }: RevokeRequest,
): Promise<Result<Canceller, ClientRefusal>> {
  const keys = keyNames(proof)
  if (clientAssertion === undefined)
    return keys.length === 0
      ? refuse({ reason: 'client_missing' })
      : ok({ shard: shardOfDeferralCode(token), holder: holderByKeys(keys), workload: undefined })
  const client = await authenticateClient(deps, clientAssertion, clientId)
  if (!client.ok) return client
  const wait = deps.admit(client.value)
  if (wait !== undefined) return refuse({ reason: 'too_fast', retryAfter: wait })
  if ((await claimProof(deps.stores.issuance, proof, deps.clock.now())) === 'used')
    return refuse({ reason: 'proof_used' })
  const workload = client.value
  return ok({ shard: workload.shard, holder: holderOf(workload, keys), workload: workload.spiffeId })
}
