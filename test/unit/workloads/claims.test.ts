import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { claimText, pick, pickText } from '../../../src/workloads/claims.js'
import type { Claims } from '../../../src/workloads/claims.js'

// The document of RFC 6901 §5.
const document = JSON.parse(
  String.raw`{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}`,
) as Claims

describe('a claim is named by its name, or by a JSON Pointer', () => {
  test.each([
    ['/foo', ['bar', 'baz']],
    ['/foo/0', 'bar'],
    ['/', 0],
    ['/a~1b', 1],
    ['/c%d', 2],
    ['/e^f', 3],
    ['/g|h', 4],
    ['/i\\j', 5],
    ['/k"l', 6],
    ['/ ', 7],
    ['/m~0n', 8],
  ])('RFC 6901 §5: %s', (pointer, value) => {
    expect(pick(document, pointer)).toEqual(value)
  })

  test('RFC 6901 §4: ~01 is ~1, and no slash', () => {
    expect(pick({ 'a~1b': 1, 'a/b': 2 }, '/a~01b')).toBe(1)
  })

  test.each([
    '/foo/00',
    '/foo/01',
    '/foo/-',
    '/foo/2',
    '/foo/length',
    '/foo/-1',
    '/m~n',
    '/a~2b',
    '/foo/0/0',
    '/nothing/at/all',
  ])('RFC 6901 §4: %s leads nowhere', (pointer) => {
    expect(pick(document, pointer)).toBeUndefined()
  })

  test('a name without a slash is no pointer', () => {
    expect(pick({ 'https://example.com/groups': ['a'], 'a~1b': 1 }, 'https://example.com/groups')).toEqual(['a'])
    expect(pick({ 'a~1b': 1 }, 'a~1b')).toBe(1)
  })

  test.each([
    '__proto__',
    'constructor',
    'toString',
    '/__proto__/toString',
    '/constructor/name',
    '/a/constructor/name',
    '/b/0/constructor',
    '/c/length',
  ])('what the language adds to an object is no claim: %s', (name) => {
    expect(pick({ a: {}, b: ['x'], c: 'text' }, name)).toBeUndefined()
  })

  test('a member that calls itself __proto__ is a claim like others', () => {
    const claims = JSON.parse('{"__proto__":{"admin":"yes"}}') as Claims
    expect(pick(claims, '/__proto__/admin')).toBe('yes')
    expect(pick({}, 'admin')).toBeUndefined()
  })

  test('a pointer made of any path finds what is there', () => {
    const escape = (token: string): string => token.replaceAll('~', '~0').replaceAll('/', '~1')
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 5 }), fc.string(), (path, value) => {
        const claims = path.reduceRight<unknown>(
          (inner, name) => JSON.parse(`{${JSON.stringify(name)}:${JSON.stringify(inner)}}`),
          value,
        )
        expect(pick(claims as Claims, path.map((token) => `/${escape(token)}`).join(''))).toBe(value)
      }),
    )
  })
})

describe('a claim as text', () => {
  test.each([
    ['a text is itself', 'x', 'x'],
    ['a safe integer is decimal', 9_007_199_254_740_991, '9007199254740991'],
    ['zero', 0, '0'],
    ['a boolean', false, 'false'],
  ])('%s', (_name, value, text) => {
    expect(claimText(value)).toBe(text)
  })

  test.each([
    ['a fraction', 1.5],
    ['an integer that may have lost digits', 2 ** 53],
    ['null', null],
    ['a list', ['x']],
    ['an object', { x: 1 }],
    ['nothing', undefined],
  ])('%s has none', (_name, value) => {
    expect(claimText(value)).toBeUndefined()
  })

  test('a number and its text are one claim value', () => {
    expect(pickText({ runner_id: 1 }, 'runner_id')).toBe(pickText({ runner_id: '1' }, 'runner_id'))
  })
})
