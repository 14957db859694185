import { isIdTakenBack, isTakenBack, type Book } from './authority-book.js'

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

export const NOTHING_CHANGED: CaChange = { activated: [], retired: [], published: [], revoked: [], unlisted: [] }

export function changeOf(before: Book, after: Book): CaChange {
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
