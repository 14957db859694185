import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { MAX_SPIFFE_ID, spiffeId, spiffePrefix, spiffePrefixFits } from '../../../src/workloads/spiffe-id.js'

const prefix = spiffePrefix('errand.example.com', 'github')

describe('the sub of what is issued (contract §2)', () => {
  test.each([
    [['74', 'production'], '/74/production'],
    [['74', undefined], '/74/__'],
    [['74', ''], '/74/_'],
    [['system:serviceaccount:a:b'], '/system_3aserviceaccount_3aa_3ab'],
    [['.'], '/_2e'],
    [['..'], '/_2e.'],
    [['a.b'], '/a.b'],
    [['a_b'], '/a_5fb'],
    [['a/b', 'ü'], '/a_2fb/_c3_bc'],
  ])('%j', (path, tail) => {
    expect(spiffeId(prefix, path)).toBe(`spiffe://errand.example.com/github${tail}`)
  })

  test('what is too long keeps its anchor and ends in a hash', () => {
    const id = spiffeId(prefix, ['74', 'x'.repeat(100)])
    expect(id).toMatch(/^spiffe:\/\/errand\.example\.com\/github\/74\/_\.[A-Za-z0-9_-]{43}$/)
  })

  test('a trust domain and a name that leave no room do not load', () => {
    expect(spiffePrefixFits('errand.example.com', 'github')).toBe(true)
    expect(spiffePrefixFits('x'.repeat(65), 'github')).toBe(true)
    expect(spiffePrefixFits('x'.repeat(66), 'github')).toBe(false)
  })

  const claim = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 60 }),
    fc.string({ unit: fc.constantFrom('a', '_', '.', '-', '/', ':', '%', '2', 'e', '3'), maxLength: 8 }),
    fc.constant(undefined),
  )
  const path = fc.array(claim, { minLength: 2, maxLength: 2 })

  test('SPIFFE-ID §2.2: always a valid path within 127 octets', () => {
    fc.assert(
      fc.property(path, (segments) => {
        const id = spiffeId(prefix, segments)
        expect(Buffer.byteLength(id)).toBeLessThanOrEqual(MAX_SPIFFE_ID)
        const parts = id.slice('spiffe://errand.example.com/'.length).split('/')
        for (const part of parts) {
          expect(part).toMatch(/^[A-Za-z0-9._-]+$/)
          expect(part).not.toMatch(/^\.{1,2}$/)
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('two workloads never share an id', () => {
    fc.assert(
      fc.property(path, path, (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other)
        expect(spiffeId(prefix, one) === spiffeId(prefix, other)).toBe(same)
      }),
      { numRuns: 5000 },
    )
  })

  test('nor do their paths run into one another', () => {
    expect(spiffeId(prefix, ['a/b', 'c'])).not.toBe(spiffeId(prefix, ['a', 'b/c']))
    expect(spiffeId(prefix, ['74', undefined])).not.toBe(spiffeId(prefix, ['74', '__']))
    expect(spiffeId(prefix, ['74', ''])).not.toBe(spiffeId(prefix, ['74', '_']))
    const hashed = spiffeId(prefix, ['74', 'x'.repeat(100)])
    expect(spiffeId(prefix, ['74', hashed.slice(hashed.lastIndexOf('/') + 1)])).not.toBe(hashed)
  })
})
