import type { EpochSeconds } from '../runtime/clock.js'
import { shardOfHash } from '../runtime/ids.js'
import type { ProofOfPossession } from '../workloads/possession.js'
import type { IssuanceStore } from './issuance-store.js'

/**
 * Uses a DPoP proof up, at every instance of this store (RFC 9449 §11.1). Called once it is known who sent it, and before
 * anything else of theirs is spent. `used`: it was shown before.
 */
export async function claimProof(
  store: Pick<IssuanceStore, 'claim'>,
  { dpop }: ProofOfPossession,
  now: EpochSeconds,
): Promise<'fresh' | 'used'> {
  if (dpop === undefined) return 'fresh'
  const { use } = dpop
  return (await store.claim(shardOfHash(use.key), use, now)) === 'taken' ? 'used' : 'fresh'
}
