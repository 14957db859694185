import type { AuthorityRing } from '../issuance/authority-ring.js'
import { authorityIdOf } from '../issuance/make-authority.js'
import type { Clock } from '../runtime/clock.js'
import type { CertificateEnds } from './certificate-ends.js'
import { createListInForce, type ServedCrl } from './list-in-force.js'

/**
 * The CRLs: a complete one for each authority (RFC 5280 §5), signed when somebody asks and something
 * has changed, or half of its life is over; else what was signed is served again. `thisUpdate` is
 * the time up to which the feed of ends was read: a list never promises more than is known, and
 * while the store is away the last one serves until it runs out.
 */
export interface Crls {
  /** `unknown`: no such authority. `not_now`: there is none that is in force. */
  of(id: string): Promise<ServedCrl | 'unknown' | 'not_now'>
  /** Of every authority that a path may go through; those of others that nobody has imported are left out. */
  all(): Promise<readonly ServedCrl[] | 'not_now'>
  /** Looks for ends of other instances. @throws Fault `store_unavailable` */
  follow(): Promise<void>
}

export interface CrlDeps {
  readonly authorities: Pick<AuthorityRing, 'signer' | 'roots' | 'foreignCrl' | 'certificates' | 'version'>
  readonly ends: CertificateEnds
  /** How many ends this instance has acknowledged: whoever asks afterwards sees them. */
  readonly acknowledged: () => number
  readonly clock: Clock
}

/** Ends of other instances are seen within a second: without a look for so long, one is taken before the answer. */
const LOOK_AFTER_MS = 1000

export function createCrls({ authorities, ends, acknowledged, clock }: CrlDeps): Crls {
  const listInForce = createListInForce({ authorities, ends, clock })
  let covered = 0
  let lookedAt = -Infinity

  async function follow(): Promise<void> {
    const upTo = acknowledged()
    // A look that fails counts, too: while the store is away, whoever asks does not wait for it each time.
    lookedAt = clock.nowMs()
    await ends.follow()
    covered = Math.max(covered, upTo)
  }

  /** Sees to it that what was acknowledged here is known. While the store is away, what is known is all there is. */
  async function catchUp(): Promise<void> {
    if (covered >= acknowledged() && clock.nowMs() - lookedAt < LOOK_AFTER_MS) return
    await follow().catch(() => undefined)
  }

  const foreign = (id: string): ServedCrl | 'unknown' | 'not_now' => {
    const list = authorities.foreignCrl(id)
    if (list === undefined) return 'unknown'
    return clock.now() < list.nextUpdate ? { ...list, number: `${id}-${list.thisUpdate}` } : 'not_now'
  }

  async function of(id: string): Promise<ServedCrl | 'unknown' | 'not_now'> {
    const signer = authorities.signer(id)
    if (signer === undefined) return foreign(id)
    await catchUp()
    return (await listInForce(signer)) ?? 'not_now'
  }

  return {
    of,
    async all() {
      const lists = await Promise.all(authorities.certificates().map((certificate) => of(authorityIdOf(certificate))))
      // A file with some of them would take the place of one that had them all.
      if (lists.includes('not_now')) return 'not_now'
      return lists.filter((list) => typeof list !== 'string')
    },
    follow,
  }
}
