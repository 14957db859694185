import { X509Certificate } from 'node:crypto'
import type { EpochSeconds } from '../runtime/clock.js'
import type { AuthorityEntry, Book } from './authority-book.js'
import { listOf } from './foreign-crl.js'
import { authorityIdOf } from './make-authority.js'

/** An authority as people see it: `errand ca list`. */
export interface ListedAuthority {
  readonly id: string
  /** `root`: ours. `above`: somebody else's, above one of ours. */
  readonly state: AuthorityEntry['state'] | 'root' | 'above'
  readonly subject: string
  readonly notBefore: EpochSeconds
  /** Of ours: when nothing that it signs is believed any more, for the end of its certificate or of one above it. */
  readonly notAfter: EpochSeconds
  readonly origin?: AuthorityEntry['origin']
  /** Its key has leaked: since then nothing that it signed is believed. */
  readonly takenBackAt?: EpochSeconds
  /** When a retired one goes. */
  readonly removeAt?: EpochSeconds
  /** Of `above`: until when the CRL that was imported is in force; absent while there is none. */
  readonly crlUntil?: EpochSeconds
}

export function listBook(book: Book): readonly ListedAuthority[] {
  const above = new Set(book.authorities.flatMap((entry) => entry.above))
  return [
    ...book.authorities.map(({ state, origin, takenBackAt, removeAt, certificate, notAfter }) => ({
      ...described(certificate),
      notAfter,
      state,
      origin,
      ...(takenBackAt !== undefined && { takenBackAt }),
      ...(removeAt !== undefined && { removeAt }),
    })),
    ...[...above].map((certificate) => aboveOf(book, certificate)),
  ]
}

function aboveOf(book: Book, certificate: string): ListedAuthority {
  const shown = described(certificate)
  if (book.roots.some(({ id }) => id === shown.id)) return { ...shown, state: 'root' }
  const held = book.foreignCrls.find(({ id }) => id === shown.id)
  return { ...shown, state: 'above', ...(held !== undefined && { crlUntil: listOf(held.crl).nextUpdate }) }
}

function described(certificate: string): Omit<ListedAuthority, 'state'> {
  const der = Buffer.from(certificate, 'base64')
  const { subject, validFrom, validTo } = new X509Certificate(der)
  return {
    id: authorityIdOf(der),
    subject: subject.replaceAll('\n', ', '),
    notBefore: Date.parse(validFrom) / 1000,
    notAfter: Date.parse(validTo) / 1000,
  }
}
