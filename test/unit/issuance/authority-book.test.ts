import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  authorityLifetime,
  currentAuthority,
  EMPTY_BOOK,
  encodeBook,
  isCaRotationDue,
  isLeakedKey,
  lacksNext,
  maySign,
  nextAuthority,
  parseBook,
  prunedBook,
  PUBLISH_CA_AHEAD,
  rotatedBook,
  withNext,
  type Book,
  type NewAuthority,
  type RootEntry,
} from '../../../src/issuance/authority-book.js'
import { MAX_TOKEN_TTL, RETIREMENT_MARGIN } from '../../../src/issuance/ring.js'

const NOW = 2_000_000_000
const EVERY = 30 * 86_400
const SCHEDULE = { rotateEvery: EVERY, wanted: undefined }

let made = 0
const authority = (changes: Partial<NewAuthority> = {}): NewAuthority => {
  made += 1
  return {
    id: made.toString(16).padStart(16, '0'),
    origin: 'self_made',
    certificate: `certificate ${made}`,
    above: ['a root'],
    privateKey: `key ${made}`,
    serial: made.toString(16).padStart(34, '4'),
    notBefore: NOW - 300,
    notAfter: NOW + authorityLifetime(EVERY),
    ...changes,
  }
}
const root: RootEntry = { id: 'f'.repeat(16), certificate: 'a root', privateKey: 'k', notAfter: NOW * 2, revoked: [] }
const begun = (): Book => {
  const empty = { ...EMPTY_BOOK, roots: [root] }
  return withNext(withNext(empty, authority(), NOW), authority(), NOW)
}
const plainly = { atOnce: false, leaked: false }
const turned = (book: Book, now: number, options = plainly): Book => {
  const result = rotatedBook(book, now, options)
  if (!result.ok) throw new Error(result.refusal.reason)
  return result.value
}

describe('rotation of the issuing authority', () => {
  test('the first signs at once, the second is published before it signs', () => {
    const book = begun()
    expect(book.authorities.map(({ state }) => state)).toEqual(['current', 'next'])
  })

  test('the next signs, and the old one stays until the last certificate that it signed has expired', () => {
    const book = begun()
    const [first, second] = book.authorities
    const after = turned(book, NOW + 10)
    expect(currentAuthority(after)?.id).toBe(second?.id)
    const retired = after.authorities.find(({ id }) => id === first?.id)
    expect(retired).toMatchObject({ state: 'retired', removeAt: NOW + 10 + MAX_TOKEN_TTL + RETIREMENT_MARGIN })
    expect(prunedBook(after, NOW + 10 + MAX_TOKEN_TTL + RETIREMENT_MARGIN - 1)).toBe(after)
    expect(prunedBook(after, NOW + 10 + MAX_TOKEN_TTL + RETIREMENT_MARGIN).authorities).toHaveLength(1)
  })

  test('one that was published a moment ago waits until verifiers have its CRL, or signs at once when told to', () => {
    const book = withNext(turned(begun(), NOW + 10), authority(), NOW + 10)
    const usableAt = NOW + 10 + PUBLISH_CA_AHEAD
    expect(rotatedBook(book, usableAt - 1, plainly)).toEqual({
      ok: false,
      refusal: { reason: 'next_authority_too_young', usableAt },
    })
    expect(rotatedBook(book, usableAt, plainly).ok).toBe(true)
    expect(rotatedBook(book, NOW + 11, { atOnce: true, leaked: false }).ok).toBe(true)
  })

  test('without a next one there is nothing to rotate to', () => {
    const alone = withNext(EMPTY_BOOK, authority({ origin: 'imported' }), NOW)
    expect(rotatedBook(alone, NOW, plainly)).toEqual({ ok: false, refusal: { reason: 'no_next_authority' } })
    expect(lacksNext(alone, EVERY, NOW)).toBe(false)
  })

  test('one whose key leaked is taken back by its root, until its certificate has expired', () => {
    const book = begun()
    const [first] = book.authorities
    const after = turned(book, NOW + 10, { atOnce: false, leaked: true })
    expect(after.roots[0]?.revoked).toEqual([{ serial: first?.serial, at: NOW + 10, notAfter: first?.notAfter }])
    const gone = prunedBook(after, NOW + 20_000)
    expect(gone.roots[0]?.revoked).toHaveLength(1)
    expect(prunedBook(after, (first?.notAfter ?? 0) + RETIREMENT_MARGIN).roots[0]?.revoked).toEqual([])
  })

  test('one that leaked stays, as one that is not believed, until nobody could believe it', () => {
    const book = begun()
    const [first] = book.authorities
    const after = turned(book, NOW + 10, { atOnce: false, leaked: true })
    const isThere = (now: number) => prunedBook(after, now).authorities.some(({ id }) => id === first?.id)
    expect(after.authorities[0]).toMatchObject({ state: 'retired', takenBackAt: NOW + 10 })
    expect(isThere((first?.notAfter ?? 0) + RETIREMENT_MARGIN - 1)).toBe(true)
    expect(isThere((first?.notAfter ?? 0) + RETIREMENT_MARGIN)).toBe(false)
    expect(isLeakedKey(after, first?.privateKey ?? '')).toBe(true)
    expect(isLeakedKey(book, first?.privateKey ?? '')).toBe(false)
  })

  test('a key that leaked is taken back even where no next authority is there: then none signs, until one is given', () => {
    const alone = withNext(EMPTY_BOOK, authority({ origin: 'imported', above: ['of others'] }), NOW)
    const after = turned(alone, NOW + 10, { atOnce: false, leaked: true })
    expect(after.authorities).toMatchObject([{ state: 'current', takenBackAt: NOW + 10 }])
    expect(maySign(currentAuthority(after)!, NOW + 10)).toBe(false)
    // Errand makes no root of its own because of that.
    expect(lacksNext(after, EVERY, NOW + 10)).toBe(false)
    // Said again, it changes nothing.
    expect(turned(after, NOW + 20, { atOnce: false, leaked: true })).toBe(after)
    const given = withNext(after, authority({ origin: 'imported' }), NOW + 30)
    expect(given.authorities.map(({ state }) => state)).toEqual(['retired', 'current'])
    expect(given.authorities[0]?.removeAt).toBe((alone.authorities[0]?.notAfter ?? 0) + RETIREMENT_MARGIN)
  })

  test('a root goes with the last authority below it, but not while it takes one back', () => {
    const foreign = authority({ origin: 'imported', above: [] })
    const after = (options: typeof plainly) => turned(withNext(begun(), foreign, NOW + 1), NOW + 2000, options)
    const later = NOW + 2000 + MAX_TOKEN_TTL + RETIREMENT_MARGIN
    expect(prunedBook(after(plainly), later).roots).toEqual([])
    expect(prunedBook(after({ atOnce: false, leaked: true }), later).roots).toHaveLength(1)
  })

  test('the schedule asks once the current one has signed for long enough', () => {
    const book = begun()
    expect(isCaRotationDue(book, SCHEDULE, NOW + EVERY - 1)).toBe(false)
    expect(isCaRotationDue(book, SCHEDULE, NOW + EVERY)).toBe(true)
  })

  test('the schedule asks before the current one has too little left, and for the one that the configuration names', () => {
    const short = withNext(
      withNext(EMPTY_BOOK, authority({ origin: 'files', notAfter: NOW + 10_000 }), NOW),
      authority({ origin: 'imported' }),
      NOW,
    )
    expect(isCaRotationDue(short, SCHEDULE, NOW)).toBe(false)
    expect(isCaRotationDue(short, SCHEDULE, NOW + 10_000 - 2 * MAX_TOKEN_TTL + 1)).toBe(true)
    const named = { rotateEvery: EVERY, wanted: nextAuthority(short)?.id }
    expect(isCaRotationDue(short, named, NOW)).toBe(true)
  })

  test('a next one that would not last is replaced; while nothing that could signs, a new one signs at once', () => {
    const book = begun()
    const long = NOW + EVERY + 86_400
    expect(lacksNext(book, EVERY, NOW)).toBe(false)
    expect(lacksNext(book, EVERY, long)).toBe(true)
    const late = NOW + 2 * authorityLifetime(EVERY)
    const replaced = withNext(book, authority({ notAfter: late * 2 }), late)
    expect(replaced.authorities.map(({ state }) => state)).toEqual(['retired', 'current'])
  })

  test('whatever is rotated and pruned, at most one signs, and nothing goes before what it signed has expired', () => {
    const step = fc.record({
      wait: fc.integer({ min: 0, max: 40 * 86_400 }),
      rotate: fc.boolean(),
      atOnce: fc.boolean(),
      leaked: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let [book, now] = [begun(), NOW]
        const signedUntil = new Map<string, number>()
        for (const { wait, rotate, atOnce, leaked } of steps) {
          const signing = currentAuthority(book)
          now += wait
          if (signing) signedUntil.set(signing.id, now)
          const result = rotate ? rotatedBook(book, now, { atOnce, leaked }) : undefined
          if (result?.ok) book = result.value
          if (lacksNext(book, EVERY, now))
            book = withNext(book, authority({ notAfter: now + authorityLifetime(EVERY) }), now)
          book = prunedBook(book, now)
          expect(book.authorities.filter(({ state }) => state === 'current')).toHaveLength(1)
          expect(book.authorities.filter(({ state }) => state === 'next').length).toBeLessThanOrEqual(1)
          for (const [id, until] of signedUntil)
            if (until + MAX_TOKEN_TTL > now) expect(book.authorities.map((entry) => entry.id)).toContain(id)
          expect(parseBook(encodeBook(book))).toEqual(book)
        }
      }),
    )
  })
})

describe('the book as it is stored', () => {
  test('what was written is read', () => {
    const book = { ...begun(), request: { privateKey: 'k', createdAt: NOW }, foreignCrls: [{ id: 'a', crl: 'b' }] }
    expect(parseBook(encodeBook(book))).toEqual(book)
  })

  test.each([
    ['another version', { v: 2 }],
    ['no authorities', { authorities: undefined }],
    [
      'an authority without a key',
      { authorities: [{ ...authority(), state: 'current', createdAt: NOW, privateKey: 1 }] },
    ],
    ['an authority in another state', { authorities: [{ ...authority(), state: 'good', createdAt: NOW }] }],
    ['a root without its list', { roots: [{ ...root, revoked: undefined }] }],
    ['null for a root', { roots: [null] }],
    ['a request without a key', { request: {} }],
    ['a CRL that is no text', { foreignCrls: [{ id: 'a', crl: 7 }] }],
  ])('%s is not', (_title, changes) => {
    const raw = JSON.parse(encodeBook(begun())) as object
    expect(parseBook(JSON.stringify({ ...raw, ...changes }))).toBeUndefined()
  })
})
