import { describeEvents } from '../evidence/describe-event.js'
import type { Clock, EpochSeconds } from '../runtime/clock.js'
import type { Ids } from '../runtime/ids.js'
import type { Log } from '../runtime/log.js'
import { ok, type Result } from '../runtime/result.js'
import type { Authority } from './authority.js'
import { EMPTY_BOOK, encodeBook, parseBook, type Book } from './authority-book.js'
import { changeOf, NOTHING_CHANGED, type CaChange } from './authority-change.js'
import { listOf, type ForeignList } from './foreign-crl.js'
import { authorityOf, rootOf, type RootAuthority } from './held-authority.js'
import type { KeyStore } from './key-store.js'
import type { AuthorityPlace } from './make-authority.js'
import type { MasterKey } from './master-key.js'
import { createSealedDocument } from './sealed-document.js'

/** The book of authorities as the store has it, and everything in it ready for use. */
export interface AuthorityDocument {
  readonly book: () => Book
  /** Grows with each change. */
  readonly version: () => number
  readonly held: () => Held
  /** Takes over what another broker did. */
  readonly adopt: () => Promise<void>
  /**
   * One step of the book, decided on what is stored, with its
   * evidence. A step that gives the same book back changes nothing.
   */
  readonly change: <R = never>(
    cause: Cause,
    by: string | undefined,
    step: (before: Book, now: EpochSeconds) => Promise<Result<Book, R>> | Result<Book, R>,
  ) => Promise<Result<CaChange, R>>
}

type Cause = 'made' | 'schedule' | 'files' | 'command' | 'requested' | 'imported' | 'crl_imported'

export interface Held {
  readonly authorities: ReadonlyMap<string, Authority>
  readonly roots: ReadonlyMap<string, RootAuthority>
  /** By authority, with the text that each was read from. */
  readonly lists: ReadonlyMap<string, { readonly crl: string; readonly list: ForeignList }>
}

export interface AuthorityDocumentDeps {
  readonly store: KeyStore
  readonly masterKey: MasterKey
  readonly clock: Clock
  readonly place: AuthorityPlace
  readonly ids: Pick<Ids, 'eventId'>
  readonly log: Log
}

export function openAuthorityDocument(deps: AuthorityDocumentDeps): AuthorityDocument {
  const { store, masterKey, clock, place, ids, log } = deps
  const describe = describeEvents({ ids, policyDigest: null })
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

  const change: AuthorityDocument['change'] = async (cause, by, step) => {
    let outcome: Awaited<ReturnType<typeof step>> | undefined
    let done = NOTHING_CHANGED
    await document.change(async (before) => {
      const now = clock.now()
      outcome = await step(before, now)
      const after = outcome.ok ? outcome.value : before
      done = changeOf(before, after)
      if (after === before) return undefined
      const subject = by === undefined ? {} : { person: by }
      return { document: after, events: [describe(0, 'authority.changed', now, subject, { cause, ...done })] }
    })
    return outcome?.ok === false ? outcome : ok(done)
  }

  return {
    book: () => document.held().document,
    version: () => document.held().version,
    held: () => held,
    adopt: document.adopt,
    change,
  }
}

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
