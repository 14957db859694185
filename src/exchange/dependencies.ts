import type { DescribeEvent } from '../evidence/describe-event.js'
import type { GrantSafe } from '../grants/grant-safe.js'
import type { Stores } from '../grants/stores.js'
import type { Authority } from '../issuance/authority.js'
import type { Tokens } from '../issuance/jwt.js'
import type { TextMac } from '../issuance/mac.js'
import type { Catalogue } from '../policy/catalogue.js'
import type { Clock } from '../runtime/clock.js'
import type { Ids } from '../runtime/ids.js'
import type { VerifySvid } from '../workloads/verify-svid.js'
import type { VerifyWorkload } from '../workloads/verify-workload.js'
import type { RateLimited, Workload } from '../workloads/workload.js'
import type { Delivery } from './delivery.js'

/** What the use case of `/token` needs. Composed once (`compose/routes.ts`). */
export interface ExchangeDeps {
  /** This broker: `iss` of what it signs, `aud` of tickets. */
  readonly issuer: string
  readonly catalogue: Catalogue
  readonly limits: ExchangeLimits
  readonly clock: Clock
  readonly ids: Ids
  readonly stores: Pick<Stores, 'grants' | 'deferrals' | 'issuance' | 'tasks' | 'evidence'>
  readonly verifyWorkload: VerifyWorkload
  readonly verifySvid: VerifySvid
  readonly safe: GrantSafe
  readonly tokens: Tokens
  readonly delivery: Delivery
  readonly describe: DescribeEvent
  /** By keys outside the store: of deferred requests; of credentials, and what certificates are for. */
  readonly deferralMac: TextMac
  readonly credentialMac: TextMac
  /**
   * The authority that signs certificates now.
   * @throws Fault `key_unavailable`
   */
  readonly authority: () => Authority
  /** Whether a workload that was verified before would be believed today. */
  readonly isStillTrusted: (workload: Workload) => boolean
  /** Seconds to wait when this workload asks too often; `undefined` to go on. */
  readonly admit: (caller: RateLimited) => number | undefined
}

export interface ExchangeLimits {
  /** Seconds; a task's lease, renewed by each exchange and heartbeat. */
  readonly lease: number
  /** Seconds between two polls of a deferral code. */
  readonly pollInterval: number
  readonly pendingPerWorkload: number
  readonly pendingPerGroup: number
  readonly pendingPerPerson: number
}
