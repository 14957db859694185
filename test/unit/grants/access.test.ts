import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { intersect, isDetailWithin, isWithin } from '../../../src/grants/access.js'
import type { AuthorizationDetail } from '../../../src/grants/grant.js'
import { access, anyAccess, anyDetail } from './fixtures.js'

const tokens = (scope: string) => (scope === '' ? [] : scope.split(' '))

describe('contract §1: details are within when type is equal, each array a subset, and every other member deeply equal', () => {
  const approved: AuthorizationDetail = {
    type: 'query',
    actions: ['read', 'list'],
    where: { table: 'orders', columns: ['id', 'sum'] },
    limit: 100,
  }
  test.each<[string, AuthorizationDetail]>([
    ['equal', { ...approved }],
    [
      'with members in another order',
      { limit: 100, where: approved['where'], actions: ['list', 'read'], type: 'query' },
    ],
    ['a subset of an array', { ...approved, actions: ['read'] }],
    ['an empty array', { ...approved, actions: [] }],
    ['an element repeated', { ...approved, actions: ['read', 'read'] }],
  ])('%s is within', (_, detail) => {
    expect(isDetailWithin(detail, approved)).toBe(true)
  })

  const { limit: _limit, ...withoutLimit } = approved
  test.each<[string, AuthorizationDetail]>([
    ['another type', { ...approved, type: 'Query' }],
    ['one more element', { ...approved, actions: ['read', 'write'] }],
    ['one more member', { ...approved, force: true }],
    ['a member left out (it may have limited)', withoutLimit],
    ['a smaller number (it is not for us to know what it means)', { ...approved, limit: 99 }],
    ['a text for a number', { ...approved, limit: '100' }],
    ['an array for a text', { ...approved, limit: [100] }],
    ['a text for an array', { ...approved, actions: 'read' }],
    ['an array inside a member made smaller', { ...approved, where: { table: 'orders', columns: ['id'] } }],
    ['an array inside a member in another order', { ...approved, where: { table: 'orders', columns: ['sum', 'id'] } }],
    [
      'a member named __proto__',
      JSON.parse(JSON.stringify(approved).replace('"limit"', '"__proto__"')) as AuthorizationDetail,
    ],
    ['an inherited member for one left out', { ...withoutLimit, toString: 100 }],
  ])('%s is not', (_, detail) => {
    expect(isDetailWithin(detail, approved)).toBe(false)
  })

  test('elements of arrays are compared deeply', () => {
    const list = { type: 'query', rows: [{ id: 1, tags: ['a'] }] }
    expect(isDetailWithin({ type: 'query', rows: [{ tags: ['a'], id: 1 }] }, list)).toBe(true)
    expect(isDetailWithin({ type: 'query', rows: [{ id: 1, tags: [] }] }, list)).toBe(false)
  })
})

describe('invariant 4: what is asked lies within what was granted, or is refused', () => {
  test.each([
    ['the same', 'a b', 'a b', true],
    ['less', 'a', 'a b', true],
    ['more', 'a b', 'a', false],
    ['other', 'b', 'a', false],
    ['a prefix', 'a', 'ab', false],
    ['none', '', 'a', true],
  ])('scope: %s', (_, wanted, granted, within) => {
    expect(isWithin(access(wanted), [access(granted)])).toBe(within)
  })

  test('thousands of elements, as many as a request has room for, are compared without comparing each with each', () => {
    const many = (first: object, last: object) => ({
      type: 'deploy',
      places: [...Array<object>(750).fill(first), last],
    })
    let read = 0
    const counted = {
      get a() {
        read += 1
        return 1
      },
    }
    expect(isDetailWithin(many({ a: 2 }, { a: 3 }), many(counted, { a: 2 }))).toBe(false)
    expect(read).toBeLessThan(10_000)
  })

  test('one target: scope of one audience gives nothing at another, nor is access pieced together', () => {
    const granted = [access('a'), access('b', [], 'https://other.example.com')]
    expect(isWithin(access('b'), granted)).toBe(false)
    expect(isWithin(access('a b'), [access('a'), access('b')])).toBe(false)
    expect(isWithin(access('a'), [])).toBe(false)
  })

  test('each detail is within one that was approved', () => {
    const approved = access('', [
      { type: 'query', tables: ['a'] },
      { type: 'file', path: '/x' },
    ])
    expect(isWithin(access('', [{ type: 'file', path: '/x' }]), [approved])).toBe(true)
    expect(isWithin(access('', [{ type: 'query', tables: ['a', 'b'] }]), [approved])).toBe(false)
  })

  test('being within is reflexive and transitive', () => {
    fc.assert(
      fc.property(anyDetail, anyDetail, anyDetail, (a, b, c) => {
        expect(isDetailWithin(a, a)).toBe(true)
        if (isDetailWithin(a, b) && isDetailWithin(b, c)) expect(isDetailWithin(a, c)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  test('what a narrowed approval gives is within what was asked and within what was granted, and never nothing', () => {
    fc.assert(
      fc.property(anyAccess, fc.array(anyAccess, { maxLength: 3 }), (asked, granted) => {
        const given = intersect(asked, granted)
        if (given === undefined) return
        expect(isWithin(given, [asked])).toBe(true)
        expect(isWithin(given, granted)).toBe(true)
        expect(given.scope !== '' || given.authorization_details.length > 0).toBe(true)
        expect(tokens(given.scope)).toEqual(tokens(asked.scope).filter((token) => tokens(given.scope).includes(token)))
      }),
      { numRuns: 2000 },
    )
  })

  test('what was not narrowed is given whole', () => {
    fc.assert(
      fc.property(anyAccess, (asked) => {
        fc.pre(asked.scope !== '' || asked.authorization_details.length > 0)
        expect(intersect(asked, [asked])).toEqual(asked)
      }),
    )
  })

  test('nothing of what was asked is left: there is nothing to give', () => {
    expect(intersect(access('a'), [access('b')])).toBeUndefined()
    expect(intersect(access('a'), [access('a', [], 'https://other.example.com')])).toBeUndefined()
  })
})
