import type { DeferralStore } from '../grants/deferral-store.js'
import type { GrantDeps } from '../grants/grant-deps.js'
import type { Authority } from '../issuance/authority.js'
import type { Tokens } from '../issuance/jwt.js'
import type { ProofOfPossession } from '../workloads/possession.js'
import type { VerifyWorkload } from '../workloads/verify-workload.js'
import type { RateLimited } from '../workloads/workload.js'

export interface RevokeDeps extends GrantDeps {
  readonly deferrals: DeferralStore
  readonly tokens: Tokens
  readonly verifyWorkload: VerifyWorkload
  readonly authorities: () => readonly Authority[]
  /** Seconds to wait when this workload asks too often; `undefined` lets it in. */
  readonly admit: (caller: RateLimited) => number | undefined
}

export interface RevokeRequest {
  readonly token: string
  readonly clientAssertion: string | undefined
  readonly clientId: string | undefined
  /** The keys that were proved with it. */
  readonly proof: ProofOfPossession
}
