import type { Clock } from '../runtime/clock.js'
import type { Log } from '../runtime/log.js'

export type Check = 'ok' | 'failed'
/** The keys of a trusted issuer: `stale` still verifies for a bounded time, `unknown` were never fetched. */
export type IssuerState = 'fresh' | 'stale' | 'unknown'

export interface Readiness {
  readonly status: 'ready' | 'not_ready'
  readonly checks: { readonly store: Check; readonly clock: Check; readonly keys: Check; readonly stopping: Check }
  /** By configured name. They do not decide: an issuer that is down is down for every broker, and there is more to serve. */
  readonly issuers: Readonly<Record<string, IssuerState>>
}

export type CheckReadiness = () => Promise<Readiness>

export interface ReadinessDeps {
  /** `Stores.ready`. */
  readonly storeReady: () => Promise<{ readonly clockSkewSeconds: number }>
  readonly keysLoaded: () => boolean
  readonly issuers: () => Readonly<Record<string, IssuerState>>
  readonly isStopping: () => boolean
  readonly clock: Clock
  readonly log: Log
}

/** Beyond this the store's clock and ours decide differently on the same record (contract §3, `fresh`). */
const MAX_SKEW_SECONDS = 5
/** Anybody may ask, so the store is asked once in a while only. */
const KEEP_MS = 1000
const STORE_TIMEOUT_MS = 2000

export function createReadiness({
  storeReady,
  keysLoaded,
  issuers,
  isStopping,
  clock,
  log,
}: ReadinessDeps): CheckReadiness {
  let held: { readonly at: number; readonly checks: Promise<{ store: Check; clock: Check }> } | undefined

  async function askStore(): Promise<{ store: Check; clock: Check }> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error('the store does not answer'))
      }, STORE_TIMEOUT_MS)
    })
    try {
      const { clockSkewSeconds } = await Promise.race([storeReady(), late])
      return { store: 'ok', clock: Math.abs(clockSkewSeconds) > MAX_SKEW_SECONDS ? 'failed' : 'ok' }
    } catch (error) {
      log.warn('store_not_ready', { error })
      return { store: 'failed', clock: 'ok' }
    } finally {
      clearTimeout(timer)
    }
  }

  return async () => {
    const now = clock.nowMs()
    // A clock that was turned back must not keep an old answer for ever.
    if (held === undefined || Math.abs(now - held.at) >= KEEP_MS) held = { at: now, checks: askStore() }
    const checks = {
      ...(await held.checks),
      keys: keysLoaded() ? 'ok' : 'failed',
      stopping: isStopping() ? 'failed' : 'ok',
    } as const
    const isReady = Object.values(checks).every((check) => check === 'ok')
    return { status: isReady ? 'ready' : 'not_ready', checks, issuers: issuers() }
  }
}
