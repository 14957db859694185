import type { KeyObject } from 'node:crypto'
import type { EpochSeconds } from '../runtime/clock.js'
import { Fault } from '../runtime/fault.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import {
  authorityLifetime,
  currentAuthority,
  isCaRotationDue,
  isLeakedKey,
  lacksNext,
  maySign,
  rotatedBook,
  withNext,
  type Book,
  type ForeignCrl,
  type NewAuthority,
} from './authority-book.js'
import { givenAuthority, type GivenRefusal } from './given-authority.js'
import { decodeKey, encodeKey, makeIssuing, makeRoot, newAuthorityKey, type AuthorityPlace } from './make-authority.js'

/*
 * The steps that a ring takes, from one book to the next: the same one where there is nothing to do. Keys are made on
 * the way; nothing is kept, and everything may be decided again on the book that another broker has written meanwhile.
 */

/** Where authorities are made here. */
export interface Making {
  readonly place: AuthorityPlace
  /** Seconds that a self-made issuing authority signs. */
  readonly rotateEvery: number
}

/** Makes what is missing; of many brokers that start at once, one makes it and the others take it. */
export async function completedBook(before: Book, { place, rotateEvery }: Making, now: EpochSeconds): Promise<Book> {
  let after = before
  while (currentAuthority(after) === undefined || lacksNext(after, rotateEvery, now)) {
    const newest = after.roots.at(-1)
    const lasts = newest !== undefined && newest.notAfter >= now + authorityLifetime(rotateEvery)
    const root = lasts ? newest : await makeRoot(place, now)
    const roots = after.roots.includes(root) ? after.roots : [...after.roots, root]
    after = withNext({ ...after, roots }, await makeIssuing(root, place, rotateEvery, now), now)
  }
  return after
}

export function scheduledBook(
  before: Book,
  plan: { readonly rotateEvery: number; readonly wanted: string | undefined },
  now: EpochSeconds,
): Book {
  if (!isCaRotationDue(before, plan, now)) return before
  const current = currentAuthority(before)
  const atOnce = current === undefined || !maySign(current, now)
  const turned = rotatedBook(before, now, { atOnce, leaked: false })
  return turned.ok ? turned.value : before
}

/** An authority by files: PEM of its chain, and its key. */
export interface GivenFiles {
  readonly chain: string
  readonly privateKey: KeyObject
}

/** With the authority that the configuration names, if this is the first that is heard of it. */
export const bookWithFiles = (before: Book, given: GivenFiles, wanted: string | undefined, now: EpochSeconds): Book =>
  before.authorities.some(({ id }) => id === wanted) ? before : withNext(before, requireGiven(before, given, now), now)

/** The files are there because somebody wants them used: what is wrong with them stops the start. */
function requireGiven(book: Book, { chain, privateKey }: GivenFiles, now: EpochSeconds): NewAuthority {
  const given = givenAuthority(chain, privateKey, 'files', now)
  if (!given.ok) throw unusableFiles(given.refusal.detail)
  if (isLeakedKey(book, given.value.privateKey))
    throw unusableFiles('its key has leaked, as `errand ca rotate --leaked` was told: make another one')
  return given.value
}

const unusableFiles = (detail: string): Fault =>
  new Fault('key_unavailable', `the issuing authority in pki.cert_file cannot be used: ${detail}`)

/** With a key to ask somebody else's root for: the one that was asked for before, unless a fresh one is wanted. */
export async function requestedBook(before: Book, fresh: boolean, now: EpochSeconds): Promise<Book> {
  if (before.request !== undefined && !fresh) return before
  return { ...before, request: { privateKey: encodeKey(await newAuthorityKey()), createdAt: now } }
}

/** With the certificate for the requested key as `next`. */
export function importedBook(
  before: Book,
  pem: string,
  now: EpochSeconds,
): Result<Book, GivenRefusal | { readonly reason: 'no_request' }> {
  if (before.request === undefined) return refuse({ reason: 'no_request' })
  const given = givenAuthority(pem, decodeKey(before.request.privateKey), 'imported', now)
  if (!given.ok) return given
  const { request: _, ...rest } = withNext(before, given.value, now)
  return ok(rest)
}

/** With this list in place of the one before it. */
export function bookWithCrl(before: Book, accepted: ForeignCrl): Book {
  if (before.foreignCrls.some(({ crl }) => crl === accepted.crl)) return before
  const others = before.foreignCrls.filter(({ id }) => id !== accepted.id)
  return { ...before, foreignCrls: [...others, accepted] }
}
