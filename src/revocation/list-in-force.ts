import { randomBytes } from 'node:crypto'
import type { AuthorityRing } from '../issuance/authority-ring.js'
import type { ListSigner, RootAuthority } from '../issuance/held-authority.js'
import type { Clock, EpochSeconds } from '../runtime/clock.js'
import { monotonicMs } from '../runtime/stopwatch.js'
import { encodeRevoked, makeCrl } from '../x509/build-crl.js'
import type { CertificateEnds } from './certificate-ends.js'

export interface ServedCrl {
  readonly der: Buffer
  /** Hex; another one for each list. */
  readonly number: string
  readonly thisUpdate: EpochSeconds
  readonly nextUpdate: EpochSeconds
}

/**
 * The list of an authority of ours that is in force: the one that was
 * signed last, as long as it is good. `undefined`: there is none.
 */
export type ListInForce = (signer: ListSigner) => Promise<ServedCrl | undefined>

export interface ListInForceDeps {
  readonly authorities: Pick<AuthorityRing, 'roots' | 'version'>
  readonly ends: CertificateEnds
  readonly clock: Clock
}

/** Seconds for which a list is in force. */
export const CRL_LIFETIME = 600
const REISSUED_AFTER = CRL_LIFETIME / 2

/** The list of one authority of ours. */
interface Published {
  served?: ServedCrl & { readonly covers: number }
  publishing?: Promise<void> | undefined
  /** When the last one was signed, and for how long, by the stopwatch. */
  readonly last: { at: number; took: number }
}

export function createListInForce({ authorities, ends, clock }: ListInForceDeps): ListInForce {
  const byAuthority = new Map<string, Published>()
  const numbers = createCrlNumbers(clock)

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

  return async (signer) => {
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
}

/**
 * Between two lists as long as the last one took: whoever asks all the time, while certificates end all the time, gets
 * half of one thread at most. It is noticed with tens of thousands of entries.
 */
async function rest({ at, took }: { readonly at: number; readonly took: number }): Promise<void> {
  const left = at + took - monotonicMs()
  if (left >= 1) await new Promise((resolve) => setTimeout(resolve, left))
}

const entriesOf = (root: RootAuthority): readonly Buffer[] =>
  root.revoked.map(({ serial, at }) => encodeRevoked(Buffer.from(serial, 'hex'), at))

/**
 * Numbers that grow (RFC 5280 §5.2.3), on every instance without asking another: the time in
 * milliseconds, then 16 bits of the instance. Two instances never sign two lists with one number,
 * and a later list has a larger one as far as clocks agree.
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
