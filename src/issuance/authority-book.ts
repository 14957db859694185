import type { EpochSeconds } from '../runtime/clock.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { MAX_TOKEN_TTL, RETIREMENT_MARGIN } from './ring.js'

/**
 * The rules of the certificate authorities, pure. An issuing authority is published as `next` before it signs, so that
 * those who check have its CRL by then; signs as `current`; and stays as `retired`, with its CRL, until the last
 * certificate that it signed has expired. Binary members are DER in base64.
 */
export interface Book {
  /** Made by Errand itself, the newest last. Empty where the root is somebody else's. */
  readonly roots: readonly RootEntry[]
  readonly authorities: readonly AuthorityEntry[]
  /** The key of a request that was printed, and is waited for. */
  readonly request?: { readonly privateKey: string; readonly createdAt: EpochSeconds }
  /** Of authorities above ours that are not ours: they sign their CRLs, we serve them. */
  readonly foreignCrls: readonly ForeignCrl[]
}

export interface RootEntry {
  readonly id: string
  readonly certificate: string
  /** PKCS #8. */
  readonly privateKey: string
  readonly notAfter: EpochSeconds
  /** Issuing authorities that it takes back. */
  readonly revoked: readonly RevokedAuthority[]
}

export interface RevokedAuthority {
  /** Hex, as the certificate has it. */
  readonly serial: string
  readonly at: EpochSeconds
  /** When its certificate expires: from then on nobody believes it anyway. */
  readonly notAfter: EpochSeconds
}

/**
 * Where an issuing authority comes from: `self_made` below a root of
 * ours, `files` by the configuration, `imported` by command.
 */
export type Origin = 'self_made' | 'files' | 'imported'

export interface AuthorityEntry {
  /** 16 hex digits of its certificate's digest. */
  readonly id: string
  readonly state: 'next' | 'current' | 'retired'
  readonly origin: Origin
  readonly certificate: string
  /** What is above it, the root last where it is known. */
  readonly above: readonly string[]
  /** PKCS #8. */
  readonly privateKey: string
  readonly serial: string
  readonly notBefore: EpochSeconds
  /** The least of its certificate and of those above it. */
  readonly notAfter: EpochSeconds
  readonly createdAt: EpochSeconds
  readonly activatedAt?: EpochSeconds
  readonly retiredAt?: EpochSeconds
  /** Its key has leaked: since then nothing that it signed is believed. */
  readonly takenBackAt?: EpochSeconds
  /**
   * From then on everything that it signed has expired; of one that
   * was taken back, whatever anybody signs with its key.
   */
  readonly removeAt?: EpochSeconds
}

export interface ForeignCrl {
  /** Of the authority whose list it is. */
  readonly id: string
  readonly crl: string
}

/** One that begins: what the book adds by itself is left out. */
export type NewAuthority = Omit<
  AuthorityEntry,
  'state' | 'createdAt' | 'activatedAt' | 'retiredAt' | 'takenBackAt' | 'removeAt'
>

export const EMPTY_BOOK: Book = { roots: [], authorities: [], foreignCrls: [] }

/**
 * A verifier fetches CRLs at least each time that one runs out; so long,
 * and a margin, a new authority's is there before it signs.
 */
export const PUBLISH_CA_AHEAD = 900
/** With less than this left an authority signs no more if there is another. */
const LAST_USE = 2 * MAX_TOKEN_TTL

const inState = (book: Book, state: AuthorityEntry['state']): AuthorityEntry | undefined =>
  book.authorities.find((entry) => entry.state === state)
export const currentAuthority = (book: Book): AuthorityEntry | undefined => inState(book, 'current')
export const nextAuthority = (book: Book): AuthorityEntry | undefined => inState(book, 'next')

/** Its key has leaked: nothing that it signed is believed. */
export const isTakenBack = ({ takenBackAt }: AuthorityEntry): boolean => takenBackAt !== undefined

export const isIdTakenBack = ({ authorities }: Book, id: string): boolean =>
  authorities.some((entry) => entry.id === id && isTakenBack(entry))

/** Whether a key is one that has leaked: no certificate for it makes it good again. */
export const isLeakedKey = ({ authorities }: Book, privateKey: string): boolean =>
  authorities.some((entry) => isTakenBack(entry) && entry.privateKey === privateKey)

/**
 * Whether certificates can be signed by it now. One that was taken
 * back stays `current` while there is nothing to follow it.
 */
export const maySign = (entry: AuthorityEntry, now: EpochSeconds): boolean =>
  entry.notAfter > now && !isTakenBack(entry)

/**
 * How long a self-made issuing authority lives: it waits for
 * `rotateEvery` seconds, signs for as many, and what it signed expires.
 */
export const authorityLifetime = (rotateEvery: number): number => 2 * rotateEvery + 86_400

/**
 * Whether Errand is to make the next one itself: it made the one that
 * signs, and the one that waits is missing or would not last.
 */
export function lacksNext(book: Book, rotateEvery: number, now: EpochSeconds): boolean {
  if (currentAuthority(book)?.origin !== 'self_made') return false
  const next = nextAuthority(book)
  return next === undefined || (next.origin === 'self_made' && next.notAfter < now + rotateEvery + LAST_USE)
}

/** Adds one that is to sign next, in place of another that was; where nothing signs that could, it signs at once. */
export function withNext(book: Book, made: NewAuthority, now: EpochSeconds): Book {
  const current = currentAuthority(book)
  const others = book.authorities.filter(({ state }) => state !== 'next')
  if (current !== undefined && maySign(current, now))
    return { ...book, authorities: [...others, { ...made, state: 'next', createdAt: now }] }
  const retired = others.map((entry) => (entry.state === 'current' ? retire(entry, now) : entry))
  return { ...book, authorities: [...retired, { ...made, state: 'current', createdAt: now, activatedAt: now }] }
}

export type CaRotationRefusal =
  /** Its CRL was published too short a time ago. */
  | { readonly reason: 'next_authority_too_young'; readonly usableAt: EpochSeconds }
  /** The root is somebody else's: they must sign the next one first. */
  | { readonly reason: 'no_next_authority' }

/** When the next one may sign: one that was there from the beginning, at once. */
function rotatableAt(book: Book): EpochSeconds {
  const [current, next] = [currentAuthority(book), nextAuthority(book)]
  if (next === undefined) return Infinity
  const isFirst = current !== undefined && next.createdAt <= current.createdAt && inState(book, 'retired') === undefined
  return isFirst ? 0 : next.createdAt + PUBLISH_CA_AHEAD
}

/**
 * The next authority signs from now on. `atOnce` does not wait until verifiers have its CRL; `leaked` also
 * takes the one that signed back, and with it everything that it signed: that never waits for a next one. A
 * root of ours says so on its CRL; a root of somebody else has to.
 */
export function rotatedBook(
  book: Book,
  now: EpochSeconds,
  { atOnce, leaked }: { readonly atOnce: boolean; readonly leaked: boolean },
): Result<Book, CaRotationRefusal> {
  const [current, next] = [currentAuthority(book), nextAuthority(book)]
  const before = leaked && current !== undefined ? takenBack(book, current, now) : book
  if (next === undefined) return leaked ? ok(before) : refuse({ reason: 'no_next_authority' })
  const usableAt = rotatableAt(book)
  if (!atOnce && !leaked && usableAt > now) return refuse({ reason: 'next_authority_too_young', usableAt })
  const authorities = before.authorities.map((entry): AuthorityEntry => {
    if (entry.state === 'current') return retire(entry, now)
    return entry.state === 'next' ? { ...entry, state: 'current', activatedAt: now } : entry
  })
  return ok({ ...before, authorities })
}

/**
 * One that was taken back stays until its certificate has expired: as long as
 * somebody might believe it, OCSP says that they should not.
 */
const retire = (entry: AuthorityEntry, now: EpochSeconds): AuthorityEntry => {
  const signedUntil = now + MAX_TOKEN_TTL
  const believedUntil = entry.takenBackAt === undefined ? signedUntil : Math.max(signedUntil, entry.notAfter)
  return { ...entry, state: 'retired', retiredAt: now, removeAt: believedUntil + RETIREMENT_MARGIN }
}

/** The same book if it was already. */
function takenBack(book: Book, taken: AuthorityEntry, at: EpochSeconds): Book {
  if (taken.takenBackAt !== undefined) return book
  const { serial, notAfter, above } = taken
  const authorities = book.authorities.map((entry) => (entry === taken ? { ...entry, takenBackAt: at } : entry))
  const roots = book.roots.map((root) =>
    above.includes(root.certificate) ? { ...root, revoked: [...root.revoked, { serial, at, notAfter }] } : root,
  )
  return { ...book, authorities, roots }
}

/**
 * Whether the schedule asks for a rotation: the current one has signed for `rotateEvery` seconds, has hardly any time
 * left, or the next one is `wanted` (the configuration names it).
 */
export function isCaRotationDue(
  book: Book,
  { rotateEvery, wanted }: { readonly rotateEvery: number; readonly wanted: string | undefined },
  now: EpochSeconds,
): boolean {
  const [current, next] = [currentAuthority(book), nextAuthority(book)]
  if (current === undefined || next === undefined) return false
  if (!maySign(current, now)) return true
  if (rotatableAt(book) > now) return false
  const signedSince = current.activatedAt ?? current.createdAt
  return signedSince + rotateEvery <= now || current.notAfter - now < LAST_USE || next.id === wanted
}

/** Without what is over: the same book where nothing is. */
export function prunedBook(book: Book, now: EpochSeconds): Book {
  const authorities = book.authorities.filter(({ removeAt = Infinity }) => removeAt > now)
  const above = new Set(authorities.flatMap((entry) => entry.above))
  const roots = book.roots
    .map((root) => {
      const revoked = root.revoked.filter(({ notAfter }) => notAfter + RETIREMENT_MARGIN > now)
      return revoked.length === root.revoked.length ? root : { ...root, revoked }
    })
    // One that took an authority back says so until that one's certificate has expired, whoever signs now.
    .filter((root) => above.has(root.certificate) || root.revoked.length > 0)
  const isSame =
    authorities.length === book.authorities.length &&
    roots.length === book.roots.length &&
    roots.every((root, at) => root === book.roots[at])
  return isSame ? book : { ...book, authorities, roots }
}

export const encodeBook = (book: Book): string => JSON.stringify({ v: 1, ...book })

const STATES = new Set<unknown>(['next', 'current', 'retired'])
const ORIGINS = new Set<unknown>(['self_made', 'files', 'imported'])

/** `undefined` for anything but what `encodeBook` writes. */
export function parseBook(text: string): Book | undefined {
  const { v, ...raw } = JSON.parse(text) as Book & { v?: unknown }
  if (v !== 1 || !areAll(raw.roots, isRoot) || !areAll(raw.authorities, isAuthority)) return undefined
  if (!areAll(raw.foreignCrls, ({ id, crl }) => areTexts(id, crl))) return undefined
  const isSound = raw.request === undefined || (areTexts(raw.request.privateKey) && areTimes(raw.request.createdAt))
  return isSound ? raw : undefined
}

const isRoot = (raw: RootEntry): boolean =>
  areTexts(raw.id, raw.certificate, raw.privateKey) &&
  areTimes(raw.notAfter) &&
  areAll(raw.revoked, ({ serial, at, notAfter }) => areTexts(serial) && areTimes(at, notAfter))

const isAuthority = (raw: AuthorityEntry): boolean =>
  areTexts(raw.id, raw.certificate, raw.privateKey, raw.serial) &&
  STATES.has(raw.state) &&
  ORIGINS.has(raw.origin) &&
  areAll(raw.above, areTexts) &&
  areTimes(raw.notBefore, raw.notAfter, raw.createdAt, raw.activatedAt ?? 0, raw.retiredAt ?? 0) &&
  areTimes(raw.takenBackAt ?? 0, raw.removeAt ?? 0)

/** What comes from outside is not believed to be what its type says. */
const areAll = <T>(raw: readonly T[], isSound: (entry: T) => boolean): boolean =>
  Array.isArray(raw) && raw.every((entry: unknown) => entry !== null && entry !== undefined && isSound(entry as T))
const areTexts = (...raw: readonly unknown[]): boolean => raw.every((text) => typeof text === 'string')
const areTimes = (...raw: readonly unknown[]): boolean => raw.every(Number.isSafeInteger)
