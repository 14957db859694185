import type { KeyObject } from 'node:crypto'
import { encodeEvent } from '../evidence/encode-event.js'
import type { EncodedEvent } from '../evidence/event.js'
import { formatTime, type Clock, type EpochSeconds } from '../runtime/clock.js'
import { Fault } from '../runtime/fault.js'
import type { Ids } from '../runtime/ids.js'
import type { Log } from '../runtime/log.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { makeCaRequest } from '../x509/ca-request.js'
import { fromPem } from '../x509/pem.js'
import {
  authorityLifetime,
  currentAuthority,
  EMPTY_BOOK,
  encodeBook,
  isCaRotationDue,
  isLeakedKey,
  lacksNext,
  maySign,
  parseBook,
  prunedBook,
  rotatedBook,
  withNext,
  type Book,
  type CaRotationRefusal,
  type NewAuthority,
} from './authority-book.js'
import type { Authority } from './authority.js'
import { acceptCrl, listOf, type CrlRefusal, type ForeignList } from './foreign-crl.js'
import { givenAuthority, type GivenRefusal } from './given-authority.js'
import { authorityOf, rootOf, type ListSigner, type RootAuthority } from './held-authority.js'
import type { KeyStore } from './key-store.js'
import { listBook, type ListedAuthority } from './list-authorities.js'
import {
  authorityIdOf,
  decodeKey,
  encodeKey,
  makeIssuing,
  makeRoot,
  nameOf,
  newAuthorityKey,
  spiffeIdOf,
  type AuthorityPlace,
} from './make-authority.js'
import type { MasterKey } from './master-key.js'
import { createPolling } from './polling.js'
import { createSealedDocument } from './sealed-document.js'

/**
 * The certificate authorities of one store: sealed, shared by all its brokers, and rotated with overlap as the key ring is. By
 * default root and issuing authority are made here; or the issuing one is certified by somebody else's root, given by files or
 * imported by command.
 */
export interface AuthorityRing {
  /**
   * The one that signs now.
   * @throws Fault `key_unavailable` when its certificate has expired, or its key has leaked and nothing has followed it
   */
  current(): Authority
  /** Issuing authorities: the current one first, the next, and those whose certificates have not all expired. */
  all(): readonly Authority[]
  /** Those of them whose certificates are believed: not one that was taken back, since who has its key writes what they like. */
  believed(): readonly Authority[]
  /** The others: their keys have leaked. */
  disowned(): readonly Authority[]
  /** Since when the authority with this id is believed no more. */
  takenBackAt(id: string): EpochSeconds | undefined
  roots(): readonly RootAuthority[]
  /**
   * Whoever of ours signs the list with this id. None of one that was taken back: a list names certificates that are not to be believed,
   * and of these none is. A verifier that wants its list refuses without one.
   */
  signer(id: string): ListSigner | undefined
  /** Every certificate that a path may go through, DER: authority by authority, each followed by what is above it. */
  certificates(): readonly Buffer[]
  /** Where paths end: roots where they are known. */
  anchors(): readonly Buffer[]
  /** Grows with each change. */
  version(): number
  /** The list of an authority above ours. */
  foreignCrl(id: string): ForeignList | undefined
  list(): readonly ListedAuthority[]
  /** `by`: who asks, for the evidence. */
  rotate(by: string, options: RotateOptions): Promise<Result<CaChange, CaRotationRefusal>>
  /** A request for somebody else's root, PEM. The same key until its certificate is imported, unless a `fresh` one is asked for. */
  request(by: string, options: { readonly fresh: boolean }): Promise<string>
  /** Takes the certificate for the requested key, with what is above it: it is `next` from now on. */
  importChain(by: string, pem: string): Promise<Result<CaChange, GivenRefusal | { readonly reason: 'no_request' }>>
  importCrl(by: string, bytes: Buffer): Promise<Result<{ readonly id: string }, CrlRefusal>>
  /** Looks for changes once. Never throws. */
  refresh(): Promise<void>
  start(): void
  stop(): void
}

export interface RotateOptions {
  /** Do not wait until verifiers have the CRL of the next one. */
  readonly atOnce: boolean
  /** The key of the current one has leaked: at once, whether or not there is a next one, and nothing that it signed is believed. */
  readonly leaked: boolean
}

/** What a change did, by ids. */
export interface CaChange {
  readonly activated: readonly string[]
  readonly retired: readonly string[]
  readonly published: readonly string[]
  /** Taken back: nothing that they signed is believed. */
  readonly revoked: readonly string[]
  /** Those of `revoked` that are below a root of somebody else, who has to put them on its list. */
  readonly unlisted: readonly string[]
}

export interface AuthorityRingDeps {
  readonly store: KeyStore
  readonly masterKey: MasterKey
  readonly clock: Clock
  readonly place: AuthorityPlace
  /** Seconds that a self-made issuing authority signs. */
  readonly rotateEvery: number
  /** By the configuration: PEM of the chain, its key, and the CRL of what is above. */
  readonly given?: { readonly chain: string; readonly privateKey: KeyObject }
  readonly rootCrl?: Buffer
  readonly ids: Pick<Ids, 'eventId'>
  readonly log: Log
}

const POLL_MS = 2000
/** With less than this left somebody has to do something about an authority that is not renewed here. */
const WARN_BEFORE = 14 * 86_400

type Cause = 'made' | 'schedule' | 'files' | 'command' | 'requested' | 'imported' | 'crl_imported'

interface Held {
  readonly authorities: ReadonlyMap<string, Authority>
  readonly roots: ReadonlyMap<string, RootAuthority>
  /** By authority, with the text that each was read from. */
  readonly lists: ReadonlyMap<string, { readonly crl: string; readonly list: ForeignList }>
}

/** @throws Fault `store_unavailable`; `key_unavailable` (another encryption key, or unusable files); `record_tampered` */
export async function openAuthorityRing(deps: AuthorityRingDeps): Promise<AuthorityRing> {
  const { store, masterKey, clock, place, rotateEvery, ids, log } = deps
  const { given } = deps
  const wanted = given && idOfFirst(given.chain)
  let held: Held = { authorities: new Map(), roots: new Map(), lists: new Map() }
  const document = createSealedDocument<Book>({
    store,
    key: masterKey.derive('authorities'),
    keyId: masterKey.id,
    purpose: 'book of authorities',
    empty: EMPTY_BOOK,
    encode: encodeBook,
    parse: parseBook,
    onHeld(version, book, cause) {
      held = hold(book, held, place.pkiUrl)
      if (cause === 'adopted') log.info('authorities_adopted', { version, count: book.authorities.length })
    },
  })
  const book = (): Book => document.held().document
  const authoritiesOf = (entries: Book['authorities']): readonly Authority[] =>
    entries.flatMap(({ id }) => held.authorities.get(id) ?? [])

  /** One step of the book, decided on what is stored, with its evidence. */
  async function change(
    cause: Cause,
    by: string | undefined,
    step: (before: Book, now: EpochSeconds) => Promise<Book> | Book,
  ): Promise<CaChange> {
    let done = NOTHING_CHANGED
    await document.change(async (before) => {
      const now = clock.now()
      const after = await step(before, now)
      if (after === before) return undefined
      done = changeOf(before, after)
      return { document: after, events: [eventOf(done, cause, by, now)] }
    })
    return done
  }

  const eventOf = (done: CaChange, cause: Cause, by: string | undefined, now: EpochSeconds): EncodedEvent =>
    encodeEvent({
      v: 1,
      id: ids.eventId(0),
      at: formatTime(now),
      shard: 0,
      stream: 'issuance',
      type: 'authority.changed',
      grant_id: null,
      task_id: null,
      credential_id: null,
      parent_id: null,
      workload: null,
      person: by ?? null,
      audience: null,
      policy_digest: null,
      data: { cause, ...done },
    })

  /** Makes what is missing; of many brokers that start at once, one makes it and the others take it. */
  const complete = async (before: Book, now: EpochSeconds): Promise<Book> => {
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

  /** The authority that the configuration names, if this is the first that is heard of it. */
  const takeFiles = (before: Book, now: EpochSeconds): Book =>
    given === undefined || before.authorities.some(({ id }) => id === wanted)
      ? before
      : withNext(before, requireGiven(before, given, now), now)

  const onSchedule = (before: Book, now: EpochSeconds): Book => {
    if (!isCaRotationDue(before, { rotateEvery, wanted }, now)) return before
    const current = currentAuthority(before)
    const atOnce = current === undefined || !maySign(current, now)
    const turned = rotatedBook(before, now, { atOnce, leaked: false })
    return turned.ok ? turned.value : before
  }

  async function look(): Promise<void> {
    await document.adopt()
    if (isCaRotationDue(book(), { rotateEvery, wanted }, clock.now())) await change('schedule', undefined, onSchedule)
    if (lacksNext(book(), rotateEvery, clock.now())) await change('made', undefined, complete)
    if (prunedBook(book(), clock.now()) !== book()) await change('schedule', undefined, prunedBook)
    warnOfEnd()
  }

  let warned: string | undefined
  function warnOfEnd(): void {
    const entry = currentAuthority(book())
    const left = (entry?.notAfter ?? Infinity) - clock.now()
    if (entry === undefined || left > WARN_BEFORE || entry.origin === 'self_made' || warned === entry.id) return
    warned = entry.id
    log.warn('authority_expires', { detail: entry.id, seconds: left })
  }

  const polling = createPolling(POLL_MS, look, (error) => {
    log.warn('authorities_not_refreshed', { error })
  })

  if (given !== undefined) await change('files', undefined, takeFiles)
  await change('made', undefined, complete)
  const { rootCrl } = deps
  if (rootCrl !== undefined) await takeConfiguredCrl(rootCrl)

  async function takeConfiguredCrl(bytes: Buffer): Promise<void> {
    const taken = await importCrl(undefined, bytes)
    if (!taken.ok) log.warn('root_crl_not_used', { reason: taken.refusal.detail })
  }

  async function importCrl(
    by: string | undefined,
    bytes: Buffer,
  ): Promise<Result<{ readonly id: string }, CrlRefusal>> {
    let result: Result<{ readonly id: string }, CrlRefusal> | undefined
    await change('crl_imported', by, (before, now) => {
      const accepted = acceptCrl(before, bytes, now)
      result = accepted.ok ? ok({ id: accepted.value.id }) : accepted
      if (!accepted.ok) return before
      const others = before.foreignCrls.filter(({ id }) => id !== accepted.value.id)
      const isSame = before.foreignCrls.some(({ crl }) => crl === accepted.value.crl)
      return isSame ? before : { ...before, foreignCrls: [...others, accepted.value] }
    })
    if (result === undefined) throw new Fault('contended', 'the CRL was not looked at')
    return result
  }

  return {
    current() {
      const entry = currentAuthority(book())
      const found = entry && maySign(entry, clock.now()) ? held.authorities.get(entry.id) : undefined
      if (found === undefined)
        throw new Fault('key_unavailable', 'there is no issuing authority that may sign: `errand ca list`')
      return found
    },
    all: () => authoritiesOf(inOrder(book())),
    believed: () => authoritiesOf(inOrder(book()).filter((entry) => !isTakenBack(entry))),
    disowned: () => authoritiesOf(book().authorities.filter(isTakenBack)),
    takenBackAt: (id) => book().authorities.find((entry) => entry.id === id)?.takenBackAt,
    roots: () => [...held.roots.values()],
    signer: (id) => (isIdTakenBack(book(), id) ? undefined : (held.authorities.get(id) ?? held.roots.get(id))),
    certificates: () => distinct(inOrder(book()).flatMap(pathOf)),
    anchors: () => distinct(inOrder(book()).flatMap((entry) => pathOf(entry).at(-1) ?? [])),
    version: () => document.held().version,
    foreignCrl: (id) => held.lists.get(id)?.list,
    list: () => listBook(book()),
    async rotate(by, options) {
      let refusal: CaRotationRefusal | undefined
      const done = await change('command', by, async (before, now) => {
        const turned = rotatedBook(before, now, options)
        refusal = turned.ok ? undefined : turned.refusal
        return turned.ok ? complete(turned.value, now) : before
      })
      return refusal === undefined ? ok(done) : refuse(refusal)
    },
    async request(by, { fresh }) {
      await change('requested', by, async (before, now) => {
        if (before.request !== undefined && !fresh) return before
        return { ...before, request: { privateKey: encodeKey(await newAuthorityKey()), createdAt: now } }
      })
      const privateKey = decodeKey(book().request?.privateKey ?? '')
      const subject = nameOf('issuing', privateKey, place.trustDomain)
      return makeCaRequest({ subject, spiffeId: spiffeIdOf(place.trustDomain) }, privateKey)
    },
    async importChain(by, pem) {
      let refusal: GivenRefusal | { readonly reason: 'no_request' } | undefined
      const done = await change('imported', by, (before, now) => {
        if (before.request === undefined) {
          refusal = { reason: 'no_request' }
          return before
        }
        const given = givenAuthority(pem, decodeKey(before.request.privateKey), 'imported', now)
        refusal = given.ok ? undefined : given.refusal
        if (!given.ok) return before
        const { request: _, ...rest } = withNext(before, given.value, now)
        return rest
      })
      return refusal === undefined ? ok(done) : refuse(refusal)
    },
    importCrl,
    refresh: polling.now,
    start: polling.start,
    stop: polling.stop,
  }
}

const NOTHING_CHANGED: CaChange = { activated: [], retired: [], published: [], revoked: [], unlisted: [] }

const idOfFirst = (chain: string): string | undefined => {
  const [first] = fromPem('CERTIFICATE', chain) ?? []
  return first && authorityIdOf(first)
}

/** The files are there because somebody wants them used: what is wrong with them stops the start. */
function requireGiven(
  book: Book,
  { chain, privateKey }: { chain: string; privateKey: KeyObject },
  now: EpochSeconds,
): NewAuthority {
  const given = givenAuthority(chain, privateKey, 'files', now)
  const fault = !given.ok ? given.refusal.detail : isLeakedKey(book, given.value.privateKey) ? LEAKED : undefined
  if (given.ok && fault === undefined) return given.value
  throw new Fault('key_unavailable', `the issuing authority in pki.cert_file cannot be used: ${fault ?? ''}`)
}

const LEAKED = 'its key has leaked, as `errand ca rotate --leaked` was told: make another one'

const ORDER = { current: 0, next: 1, retired: 2 } as const

const inOrder = ({ authorities }: Book) => [...authorities].sort((one, other) => ORDER[one.state] - ORDER[other.state])

const distinct = (texts: readonly string[]): readonly Buffer[] =>
  [...new Set(texts)].map((text) => Buffer.from(text, 'base64'))

const isTakenBack = ({ takenBackAt }: Book['authorities'][number]): boolean => takenBackAt !== undefined

const isIdTakenBack = ({ authorities }: Book, id: string): boolean =>
  authorities.some((entry) => entry.id === id && isTakenBack(entry))

/** An authority and what is above it; of one that was taken back only the latter, which others may stand below, and whose lists name it. */
const pathOf = (entry: Book['authorities'][number]): readonly string[] => [
  ...(isTakenBack(entry) ? [] : [entry.certificate]),
  ...entry.above,
]

/** What takes time is taken over from the version before: keys of issuing authorities, and lists, which may be long. */
function hold(book: Book, before: Held, pkiUrl: string | undefined): Held {
  const authorities = book.authorities.map(
    (entry) => [entry.id, before.authorities.get(entry.id) ?? authorityOf(entry, pkiUrl)] as const,
  )
  return {
    authorities: new Map(authorities),
    roots: new Map(book.roots.map((entry) => [entry.id, rootOf(entry, book)])),
    lists: new Map(book.foreignCrls.map(({ id, crl }) => [id, heldList(before.lists.get(id), crl)])),
  }
}

const heldList = (before: { crl: string; list: ForeignList } | undefined, crl: string) =>
  before?.crl === crl ? before : { crl, list: listOf(crl) }

function changeOf(before: Book, after: Book): CaChange {
  const changedTo = (state: 'current' | 'retired' | 'next'): readonly string[] =>
    after.authorities
      .filter((entry) => entry.state === state && before.authorities.find(({ id }) => id === entry.id)?.state !== state)
      .map(({ id }) => id)
  const taken = after.authorities.filter((entry) => isTakenBack(entry) && !isIdTakenBack(before, entry.id))
  const listed = new Set(after.roots.flatMap((root) => root.revoked.map(({ serial }) => serial)))
  return {
    activated: changedTo('current'),
    retired: changedTo('retired'),
    published: changedTo('next'),
    revoked: taken.map(({ id }) => id),
    unlisted: taken.filter(({ serial }) => !listed.has(serial)).map(({ id }) => id),
  }
}
