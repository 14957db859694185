import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decodeBase64url, parseStrictObject } from '../../../src/workloads/strict-json.js'

const parse = (text: string): unknown => parseStrictObject(Buffer.from(text, 'utf8'))

describe('JSON that no two readers can take differently', () => {
  test.each([
    ['a member named twice', '{"sub":"a","sub":"b"}'],
    ['a member named twice by an escape', '{"sub":"a","s\\u0075b":"b"}'],
    ['a member named twice further in', '{"a":[{"b":1,"b":1}]}'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
    ['a list', '[]'],
    ['a text', '"x"'],
    ['null', 'null'],
    ['nothing', ''],
    ['something after it', '{} {}'],
    ['a byte order mark', '\uFEFF{}'],
    ['33 levels', `{"a":${'['.repeat(32)}${']'.repeat(32)}}`],
    ['a lone surrogate', '{"sub":"\\ud800"}'],
    ['a lone surrogate in a name', '{"\\udfff":1}'],
    ['a comment', '{/**/}'],
    ['an unended string', '{"a":"'],
  ])('%s is refused', (_name, text) => {
    expect(parse(text)).toBeUndefined()
  })

  test('octets that are no UTF-8 are refused', () => {
    expect(parseStrictObject(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toBeUndefined()
    expect(parseStrictObject(Buffer.from('{"a":"\xc0\xaf"}', 'latin1'))).toBeUndefined()
  })

  test.each([
    ['white space around it', ' {"a" : 1 }\n', { a: 1 }],
    ['32 levels', `{"a":${'['.repeat(31)}${']'.repeat(31)}}`, expect.anything()],
    ['colons, braces and quotes in strings', '{"a":"{:[\\"}:\\\\","b:":"\\\\\\""}', { a: '{:["}:\\', 'b:': '\\"' }],
    ['a pair of surrogates', '{"a":"\\ud83d\\ude00"}', { a: '😀' }],
    ['the same name on different levels', '{"a":{"a":[{"a":1},{"a":2}]}}', { a: { a: [{ a: 1 }, { a: 2 }] } }],
  ])('%s is read', (_name, text, value) => {
    expect(parse(text)).toEqual(value)
  })

  test('everything that JSON can write is read, and nothing that names a member twice', () => {
    const name = fc.string({ unit: fc.constantFrom('a', '"', '\\', ':', '{', 'é') })
    fc.assert(
      fc.property(fc.dictionary(name, fc.jsonValue({ maxDepth: 4 })), name, (value, again) => {
        const text = JSON.stringify(value)
        expect(parse(text)).toEqual(JSON.parse(text))
        const twice = text === '{}' ? undefined : `{${JSON.stringify(again)}:1,${text.slice(1)}`
        if (twice !== undefined) expect(parse(twice) === undefined).toBe(Object.hasOwn(value, again))
      }),
      { numRuns: 1000 },
    )
  })
})

describe('RFC 7515 §2: base64url without padding', () => {
  test.each([
    ['padding', 'e30='],
    ['the other alphabet', 'ab+/'],
    ['white space', 'e3 0'],
    ['a line end', 'e30\n'],
    ['stray bits in the tail', 'e31'],
    ['one character', 'e'],
    ['a letter beyond ASCII', 'e3é'],
  ])('%s is refused', (_name, part) => {
    expect(decodeBase64url(part)).toBeUndefined()
  })

  test('one content has one text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.string({ maxLength: 12 }), (bytes, junk) => {
        const part = Buffer.from(bytes).toString('base64url')
        expect(decodeBase64url(part)).toEqual(Buffer.from(bytes))
        const decoded = decodeBase64url(part + junk)
        if (decoded !== undefined) expect(decoded.toString('base64url')).toBe(part + junk)
      }),
    )
  })
})
