import { describe, expect, test } from '@jest/globals'
import library from 'canonicalize'
import fc from 'fast-check'
import { Canonical, canonicalize, canonicalizeMembers } from '../../../src/runtime/jcs.js'

const names = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('__proto__', 'constructor', 'toJSON_', '10', '9', '1a', '-1', '', 'é', '\u{1f600}', '\ue000'),
)
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium' },
    fc.string({ unit: 'binary' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.constantFrom('\\ud800', '\u2028', '\u0000', '"', '\ud83d\ude00'),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(names, tie('value'), { maxKeys: 6, noNullPrototype: true }),
  ),
})).value

describe('RFC 8785: JSON Canonicalization Scheme', () => {
  test('any JSON is written as the library writes it', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(canonicalize(value)).toBe(library(value))
      }),
      { numRuns: 3000 },
    )
  })

  test.each([
    [
      '§3.2.3: names are sorted by UTF-16 code units',
      { '\ue000': 1, '\u{1f600}': 2, b: 3, a: 4 },
      '{"a":4,"b":3,"😀":2,"\ue000":1}',
    ],
    ['§3.2.3: names that look like numbers are texts', { 10: 'a', 9: 'b', a: 'c' }, '{"10":"a","9":"b","a":"c"}'],
    ['§3.2.2.3: numbers as ECMAScript writes them', [1e21, 0.000001, -0, 1e-7], '[1e+21,0.000001,0,1e-7]'],
    ['§3.2.2.2: a backslash before ud is a text like another', ['\\ud800'], '["\\\\ud800"]'],
    ['a member that is undefined is absent', { b: undefined, a: 1 }, '{"a":1}'],
    ['a member named __proto__ is a member', JSON.parse('{"__proto__":{"x":1},"a":1}'), '{"__proto__":{"x":1},"a":1}'],
  ])('%s', (_, value, text) => {
    expect(canonicalize(value)).toBe(text)
  })

  test.each([
    ['NaN', Number.NaN],
    ['Infinity', [Number.POSITIVE_INFINITY]],
    ['half of a surrogate pair', { a: '\ud800' }],
    ['a half in a name', { '\udfff': 1 }],
    ['undefined', undefined],
    ['a function', () => 1],
  ])('what JSON cannot say has no form: %s', (_, value) => {
    expect(() => canonicalize(value)).toThrow()
  })

  test('members that are canonical already are put in as they stand', () => {
    expect(canonicalizeMembers({ b: new Canonical('{"z":1}'), a: { y: 2, x: 1 } })).toBe(
      '{"a":{"x":1,"y":2},"b":{"z":1}}',
    )
  })
})
