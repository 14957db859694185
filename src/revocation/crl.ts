import { randomBytes } from 'node:crypto'
import type { AuthorityRing } from '../issuance/authority-ring.js'
import type { ListSigner, RootAuthority } from '../issuance/held-authority.js'
import { authorityIdOf } from '../issuance/make-authority.js'
import type { Clock, EpochSeconds } from '../runtime/clock.js'
import { monotonicMs } from '../runtime/stopwatch.js'
import { encodeRevoked, makeCrl } from '../x509/build-crl.js'
import type { CertificateEnds } from './certificate-ends.js'

/**
 * The CRLs: a complete one for each authority (RFC 5280 §5), signed when somebody asks and something has changed, or half of its
 * life is over; else what was signed is served again. `thisUpdate` is the time up to which the feed of ends was read: a list
 * never promises more than is known, and while the store is away the last one serves until it runs out.
 */
export interface Crls {
  /** `unknown`: no such authority. `not_now`: there is none that is in force. */
  of(id: string): Promise<ServedCrl | 'unknown' | 'not_now'>
  /** Of every authority that a path may go through; those of others that nobody has imported are left out. */
  all(): Promise<readonly ServedCrl[] | 'not_now'>
  /** Looks for ends of other instances. @throws Fault `store_unavailable` */
  follow(): Promise<void>
}

export interface ServedCrl {
  readonly der: Buffer
  /** Hex; another one for each list. */
  readonly number: string
  readonly thisUpdate: EpochSeconds
  readonly nextUpdate: EpochSeconds
}

export interface CrlDeps {
  readonly authorities: Pick<AuthorityRing, 'signer' | 'roots' | 'foreignCrl' | 'certificates' | 'version'>
  readonly ends: CertificateEnds
  /** How many ends this instance has acknowledged: whoever asks afterwards sees them. */
  readonly acknowledged: () => number
  readonly clock: Clock
}

/** Seconds for which a list is in force. */
export const CRL_LIFETIME = 600
const REISSUED_AFTER = CRL_LIFETIME / 2
/** Ends of other instances are seen within a second: without a look for so long, one is taken before the answer. */
const LOOK_AFTER_MS = 1000

/** The list of one authority of ours. */
interface Published {
  served?: ServedCrl & { readonly covers: number }
  publishing?: Promise<void> | undefined
  /** When the last one was signed, and for how long, by the stopwatch. */
  readonly last: { at: number; took: number }
}

export function createCrls({ authorities, ends, acknowledged, clock }: CrlDeps): Crls {
  const byAuthority = new Map<string, Published>()
  const numbers = createCrlNumbers(clock)
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

  /** What a list of this signer must cover, as a number that grows, and its entries. */
  const contentOf = (signer: ListSigner): { readonly covers: number; readonly runs: () => readonly Buffer[] } => {
    const root = authorities.roots().find(({ id }) => id === signer.id)
    if (root !== undefined) return { covers: authorities.version(), runs: () => entriesOf(root) }
    const entries = ends.of(signer.id)
    return { covers: entries.version(), runs: () => entries.runs() }
  }

  async function publish(signer: ListSigner, published: Published): Promise<void> {
    await rest(published.last)
    const from = monotonicMs()
    const thisUpdate = ends.asOf()
    if (thisUpdate === undefined) return
    const { covers, runs } = contentOf(signer)
    const number = numbers.next(signer.id)
    const nextUpdate = thisUpdate + CRL_LIFETIME
    const content = { issuer: signer.subject, authorityKeyId: signer.subjectKeyId, number, thisUpdate, nextUpdate }
    const der = await makeCrl({ ...content, entries: runs() }, signer.privateKey)
    published.served = { der, number: number.toString(16), thisUpdate, nextUpdate, covers }
    published.last.at = monotonicMs()
    published.last.took = published.last.at - from
  }

  const isGood = ({ served }: Published, covers: number): boolean => {
    if (served === undefined || served.covers < covers) return false
    const asOf = ends.asOf() ?? 0
    return clock.now() < served.thisUpdate + REISSUED_AFTER || asOf <= served.thisUpdate
  }

  async function current(signer: ListSigner): Promise<ServedCrl | undefined> {
    const published = byAuthority.get(signer.id) ?? { last: { at: 0, took: 0 } }
    byAuthority.set(signer.id, published)
    const { covers } = contentOf(signer)
    // The first turn may wait for a list that was begun before; the second has everything that is known now.
    for (let turn = 0; turn < 2 && !isGood(published, covers); turn += 1) {
      published.publishing ??= publish(signer, published).finally(() => {
        published.publishing = undefined
      })
      await published.publishing
    }
    const { served } = published
    return served !== undefined && clock.now() < served.nextUpdate ? served : undefined
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
    return (await current(signer)) ?? 'not_now'
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

/**
 * Between two lists as long as the last one took: whoever asks all the time, while certificates end all the time, gets half of
 * one thread at most. It is noticed with tens of thousands of entries.
 */
async function rest({ at, took }: { readonly at: number; readonly took: number }): Promise<void> {
  const left = at + took - monotonicMs()
  if (left >= 1) await new Promise((resolve) => setTimeout(resolve, left))
}

const entriesOf = (root: RootAuthority): readonly Buffer[] =>
  root.revoked.map(({ serial, at }) => encodeRevoked(Buffer.from(serial, 'hex'), at))

/**
 * Numbers that grow (RFC 5280 §5.2.3), on every instance without asking another: the time in milliseconds, then 16 bits of the
 * instance. Two instances never sign two lists with one number, and a later list has a larger one as far as clocks agree.
 */
function createCrlNumbers(clock: Clock): { next(id: string): bigint } {
  const instance = BigInt(randomBytes(2).readUInt16BE())
  const last = new Map<string, bigint>()
  return {
    next(id) {
      const now = BigInt(clock.nowMs())
      const before = last.get(id) ?? -1n
      const time = now > before ? now : before + 1n
      last.set(id, time)
      return (time << 16n) | instance
    },
  }
}
