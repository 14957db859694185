import type { CertificateEnd, CertificateStore, IndexedCertificate } from '../grants/certificate-store.js'
import { MAX_TOKEN_TTL } from '../issuance/ring.js'
import type { Clock, EpochSeconds } from '../runtime/clock.js'
import { SHARDS, type CredentialId, type Shard } from '../runtime/ids.js'
import { createRevokedEntries, type RevokedEntries } from './revoked-entries.js'

/**
 * Which certificates have ended, by authority: what the feed of ends says, followed. Each instance follows it on its own; a start
 * reads what is left of it, which is of the last hour or so and does not depend on how much is alive.
 */
export interface CertificateEnds {
  /** Reads what is new, one look at a time; who asks meanwhile gets a look that began after they asked. @throws Fault `store_unavailable` */
  follow(): Promise<void>
  of(authority: string): RevokedEntries
  endedAt(authority: string, id: CredentialId): EpochSeconds | undefined
  /** Everything that had been acknowledged by then is here. `undefined` before the first look. */
  asOf(): EpochSeconds | undefined
}

/** Ends of one shard that are read at a time. */
const LIMIT = 500
/** Ends that are looked up at a time: other requests are served between. */
const AT_ONCE = 16
/** RFC 5280 §3.3: an entry stays on one more regular CRL after its certificate has expired. Two of them, with their lives. */
const KEPT_AFTER_EXPIRY = 1200
/** Nothing that an end took lives longer; then all instances have seen it expire. */
const FORGET_AFTER = MAX_TOKEN_TTL + 2 * KEPT_AFTER_EXPIRY

export function createCertificateEnds({
  store,
  clock,
}: {
  readonly store: CertificateStore
  readonly clock: Clock
}): CertificateEnds {
  const positions: number[] = Array.from({ length: SHARDS }, () => 0)
  const seen: { position: number; at: EpochSeconds }[][] = Array.from({ length: SHARDS }, () => [])
  const byAuthority = new Map<string, RevokedEntries>()
  let asOf: EpochSeconds | undefined
  let running: Promise<void> | undefined
  let waiting: Promise<void> | undefined

  const entriesOf = (authority: string): RevokedEntries => {
    const held = byAuthority.get(authority) ?? createRevokedEntries()
    byAuthority.set(authority, held)
    return held
  }

  function take({ at }: CertificateEnd, certificates: readonly IndexedCertificate[], now: EpochSeconds): void {
    for (const { id, authority, expiresAt } of certificates)
      if (expiresAt + KEPT_AFTER_EXPIRY > now) entriesOf(authority).add(id, expiresAt, at)
  }

  async function followOnce(): Promise<void> {
    const startedAt = clock.now()
    for (;;) {
      const ends = await store.endsAfter(positions, LIMIT)
      for (let from = 0; from < ends.length; from += AT_ONCE) {
        const some = ends.slice(from, from + AT_ONCE)
        const taken = await Promise.all(some.map((end) => store.certificatesOf(end)))
        // Only what was looked up counts as read: after a failure it is looked up again, which changes nothing.
        some.forEach((end, at) => {
          take(end, taken[at] ?? [], startedAt)
          positions[end.shard] = end.position
          seen[end.shard]?.push({ position: end.position, at: end.at })
        })
      }
      if (ends.length < LIMIT) break
    }
    asOf = startedAt
    for (const entries of byAuthority.values()) entries.drop(startedAt - KEPT_AFTER_EXPIRY)
    await forget(startedAt)
  }

  async function forget(now: EpochSeconds): Promise<void> {
    for (let shard: Shard = 0; shard < SHARDS; shard += 1) {
      const ends = seen[shard] ?? []
      const kept = ends.findIndex(({ at }) => at + FORGET_AFTER > now)
      const gone = ends.splice(0, kept < 0 ? ends.length : kept).at(-1)
      if (gone !== undefined) await store.forgetEnds(shard, gone.position)
    }
  }

  const begin = (): Promise<void> => {
    running = followOnce().finally(() => {
      running = undefined
    })
    return running
  }

  return {
    follow() {
      if (running === undefined) return begin()
      // The look that runs may have begun before what the caller knows of: theirs is the next one.
      waiting ??= running
        .catch(() => undefined)
        .then(() => {
          waiting = undefined
          return running ?? begin()
        })
      return waiting
    },
    of: entriesOf,
    endedAt: (authority, id) => byAuthority.get(authority)?.endedAt(id),
    asOf: () => asOf,
  }
}
