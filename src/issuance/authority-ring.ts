import type { Clock, EpochSeconds } from '../runtime/clock.js'
import { Fault } from '../runtime/fault.js'
import { ok, type Result } from '../runtime/result.js'
import { makeCaRequest } from '../x509/ca-request.js'
import { fromPem } from '../x509/pem.js'
import type { Authority } from './authority.js'
import {
  currentAuthority,
  isCaRotationDue,
  isIdTakenBack,
  isTakenBack,
  lacksNext,
  maySign,
  prunedBook,
  rotatedBook,
  type AuthorityEntry,
  type Book,
  type CaRotationRefusal,
} from './authority-book.js'
import type { CaChange } from './authority-change.js'
import { openAuthorityDocument, type AuthorityDocument, type AuthorityDocumentDeps } from './authority-document.js'
import {
  bookWithCrl,
  bookWithFiles,
  completedBook,
  importedBook,
  requestedBook,
  scheduledBook,
  type GivenFiles,
} from './authority-steps.js'
import { acceptCrl, type CrlRefusal, type ForeignList } from './foreign-crl.js'
import type { GivenRefusal } from './given-authority.js'
import type { ListSigner, RootAuthority } from './held-authority.js'
import { listBook, type ListedAuthority } from './list-authorities.js'
import { authorityIdOf, decodeKey, nameOf, spiffeIdOf } from './make-authority.js'
import { createPolling } from './polling.js'

/**
 * The certificate authorities of one store: sealed, shared by all its brokers, and rotated with overlap as the
 * key ring is. By default root and issuing authority are made here; or the issuing one is certified by
 * somebody else's root, given by files or imported by command.
 */
export interface AuthorityRing {
  /**
   * The one that signs now.
   * @throws Fault `key_unavailable` when its certificate has expired, or its key has leaked and nothing has followed it
   */
  current(): Authority
  /** Issuing authorities: the current one first, the next, and those whose certificates have not all expired. */
  all(): readonly Authority[]
  /**
   * Those of them whose certificates are believed: not one that was
   * taken back, since who has its key writes what they like.
   */
  believed(): readonly Authority[]
  /** The others: their keys have leaked. */
  takenBack(): readonly Authority[]
  /** Since when the authority with this id is believed no more. */
  takenBackAt(id: string): EpochSeconds | undefined
  roots(): readonly RootAuthority[]
  /**
   * Whoever of ours signs the list with this id. None of one that was taken back: a list names certificates that are
   * not to be believed, and of these none is. A verifier that wants its list refuses without one.
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
  /**
   * A request for somebody else's root, PEM. The same key until its
   * certificate is imported, unless a `fresh` one is asked for.
   */
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
  /**
   * The key of the current one has leaked: at once, whether or not
   * there is a next one, and nothing that it signed is believed.
   */
  readonly leaked: boolean
}

export interface AuthorityRingDeps extends AuthorityDocumentDeps {
  /** Seconds that a self-made issuing authority signs. */
  readonly rotateEvery: number
  /** By the configuration: PEM of the chain, its key, and the CRL of what is above. */
  readonly given?: GivenFiles
  readonly rootCrl?: Buffer
}

const POLL_MS = 2000
/** With less than this left somebody has to do something about an authority that is not renewed here. */
const WARN_BEFORE = 14 * 86_400

/**
 * @throws Fault `store_unavailable`; `key_unavailable` (another encryption key, or unusable files); `record_tampered`
 */
export async function openAuthorityRing(deps: AuthorityRingDeps): Promise<AuthorityRing> {
  const { given, rootCrl, log } = deps
  const document = openAuthorityDocument(deps)
  const commands = commandsOn(document, deps)
  const wanted = given && idOfFirst(given.chain)
  if (given !== undefined)
    await document.change('files', undefined, (before, now) => ok(bookWithFiles(before, given, wanted, now)))
  await document.change('made', undefined, async (before, now) => ok(await completedBook(before, deps, now)))
  if (rootCrl !== undefined) {
    const taken = await commands.importCrl(undefined, rootCrl)
    if (!taken.ok) log.warn('root_crl_not_used', { reason: taken.refusal.detail })
  }
  const warnOfEnd = createEndWarning(deps)
  const polling = createPolling(
    POLL_MS,
    async () => {
      await upkeep(document, deps, wanted)
      warnOfEnd(document.book())
    },
    (error) => {
      log.warn('authorities_not_refreshed', { error })
    },
  )
  return {
    ...viewOf(document, deps.clock),
    ...commands,
    refresh: polling.now,
    start: polling.start,
    stop: polling.stop,
  }
}

/** Takes over what others did, and does what time asks for. */
async function upkeep(document: AuthorityDocument, deps: AuthorityRingDeps, wanted: string | undefined): Promise<void> {
  const { clock, rotateEvery } = deps
  const { book, change } = document
  const plan = { rotateEvery, wanted }
  await document.adopt()
  if (isCaRotationDue(book(), plan, clock.now()))
    await change('schedule', undefined, (before, now) => ok(scheduledBook(before, plan, now)))
  if (lacksNext(book(), rotateEvery, clock.now()))
    await change('made', undefined, async (before, now) => ok(await completedBook(before, deps, now)))
  if (prunedBook(book(), clock.now()) !== book())
    await change('schedule', undefined, (before, now) => ok(prunedBook(before, now)))
}

/** Once for each authority that is not renewed here. */
function createEndWarning({ clock, log }: AuthorityRingDeps): (book: Book) => void {
  let warned: string | undefined
  return (book) => {
    const entry = currentAuthority(book)
    const left = (entry?.notAfter ?? Infinity) - clock.now()
    if (entry === undefined || left > WARN_BEFORE || entry.origin === 'self_made' || warned === entry.id) return
    warned = entry.id
    log.warn('authority_expires', { detail: entry.id, seconds: left })
  }
}

interface Commands extends Pick<AuthorityRing, 'rotate' | 'request' | 'importChain'> {
  importCrl(by: string | undefined, bytes: Buffer): ReturnType<AuthorityRing['importCrl']>
}

const commandsOn = ({ book, change }: AuthorityDocument, deps: AuthorityRingDeps): Commands => ({
  rotate: (by, options) =>
    change('command', by, async (before, now) => {
      const turned = rotatedBook(before, now, options)
      return turned.ok ? ok(await completedBook(turned.value, deps, now)) : turned
    }),
  async request(by, { fresh }) {
    await change('requested', by, async (before, now) => ok(await requestedBook(before, fresh, now)))
    const privateKey = decodeKey(book().request?.privateKey ?? '')
    const { trustDomain } = deps.place
    const subject = nameOf('issuing', privateKey, trustDomain)
    return makeCaRequest({ subject, spiffeId: spiffeIdOf(trustDomain) }, privateKey)
  },
  importChain: (by, pem) => change('imported', by, (before, now) => importedBook(before, pem, now)),
  async importCrl(by, bytes) {
    let id = ''
    const done = await change('crl_imported', by, (before, now) => {
      const accepted = acceptCrl(before, bytes, now)
      if (!accepted.ok) return accepted
      id = accepted.value.id
      return ok(bookWithCrl(before, accepted.value))
    })
    return done.ok ? ok({ id }) : done
  },
})

type View = Omit<AuthorityRing, keyof Commands | 'refresh' | 'start' | 'stop'>

function viewOf({ book, held, version }: AuthorityDocument, clock: Clock): View {
  const authoritiesOf = (entries: readonly AuthorityEntry[]): readonly Authority[] =>
    entries.flatMap(({ id }) => held().authorities.get(id) ?? [])
  return {
    current() {
      const entry = currentAuthority(book())
      const found = entry && maySign(entry, clock.now()) ? held().authorities.get(entry.id) : undefined
      if (found === undefined)
        throw new Fault('key_unavailable', 'there is no issuing authority that may sign: `errand ca list`')
      return found
    },
    all: () => authoritiesOf(inOrder(book())),
    believed: () => authoritiesOf(inOrder(book()).filter((entry) => !isTakenBack(entry))),
    takenBack: () => authoritiesOf(book().authorities.filter(isTakenBack)),
    takenBackAt: (id) => book().authorities.find((entry) => entry.id === id)?.takenBackAt,
    roots: () => [...held().roots.values()],
    signer: (id) => (isIdTakenBack(book(), id) ? undefined : (held().authorities.get(id) ?? held().roots.get(id))),
    certificates: () => distinct(inOrder(book()).flatMap(pathOf)),
    anchors: () => distinct(inOrder(book()).flatMap((entry) => pathOf(entry).at(-1) ?? [])),
    version,
    foreignCrl: (id) => held().lists.get(id)?.list,
    list: () => listBook(book()),
  }
}

const idOfFirst = (chain: string): string | undefined => {
  const [first] = fromPem('CERTIFICATE', chain) ?? []
  return first && authorityIdOf(first)
}

const ORDER = { current: 0, next: 1, retired: 2 } as const

const inOrder = ({ authorities }: Book) => [...authorities].sort((one, other) => ORDER[one.state] - ORDER[other.state])

const distinct = (texts: readonly string[]): readonly Buffer[] =>
  [...new Set(texts)].map((text) => Buffer.from(text, 'base64'))

/**
 * An authority and what is above it; of one that was taken back only the
 * latter, which others may stand below, and whose lists name it.
 */
const pathOf = (entry: AuthorityEntry): readonly string[] => [
  ...(isTakenBack(entry) ? [] : [entry.certificate]),
  ...entry.above,
]
