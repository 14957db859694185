import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseForm, parseJson } from '../../../src/http/body.js'

const json = (text: string) => parseJson(Buffer.from(text))
const reasonOf = (result: ReturnType<typeof parseJson>) => (result.ok ? 'read' : result.refusal.reason)

describe('parseForm', () => {
  test('reads what URLSearchParams writes, for any text', () => {
    const pairs = fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })))
    fc.assert(
      fc.property(pairs, (entries) => {
        const sent = new URLSearchParams(entries)
        const read = parseForm(Buffer.from(sent.toString()))
        expect(read.ok && [...read.value]).toEqual([...sent])
      }),
    )
  })

  test('refuses escaped bytes exactly when they are not UTF-8', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), (bytes) => {
        const escaped = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
        const expected = Buffer.from(Buffer.from(bytes).toString('utf8')).equals(Buffer.from(bytes))
        expect(parseForm(Buffer.from(`a=${escaped}`)).ok).toBe(expected)
      }),
    )
  })

  test('a lone % is itself, as the URL standard has it', () => {
    const read = parseForm(Buffer.from('a=100%&b=%C3%A9%'))
    expect(read.ok && [...read.value]).toEqual([
      ['a', '100%'],
      ['b', 'é%'],
    ])
  })
})

describe('parseJson', () => {
  test('reads whatever JSON.stringify writes, up to 32 levels', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        const text = JSON.stringify(value)
        // Refused for itself, elsewhere.
        fc.pre(!text.includes('"__proto__":'))
        expect(json(text)).toEqual({ ok: true, value: JSON.parse(text) as unknown })
      }),
    )
  })

  test('counts levels to the one: 32 are read, 33 are not', () => {
    expect(reasonOf(json(`${'['.repeat(32)}${']'.repeat(32)}`))).toBe('read')
    expect(reasonOf(json(`${'['.repeat(33)}${']'.repeat(33)}`))).toBe('malformed_json')
    expect(reasonOf(json(`${'{"a":'.repeat(33)}1${'}'.repeat(33)}`))).toBe('malformed_json')
  })

  test('brackets, colons and quotes inside text are text', () => {
    expect(reasonOf(json(JSON.stringify({ a: '[[[{{{":"', 'b"{': '}]', c: ['a', 'a'] })))).toBe('read')
  })

  test.each(['{"a":1,"a":2}', '{"x":{"a":1,"b":[{"c":1,"c":1}]}}', '{"a":1,"\\u0061":2}', '{"":1,"":2}'])(
    'refuses %s, in which a member is repeated',
    (text) => {
      expect(reasonOf(json(text))).toBe('malformed_json')
    },
  )

  test('the same name in different objects is no repetition', () => {
    expect(reasonOf(json('[{"a":1},{"a":2},{"b":{"a":1},"a":{"a":1}}]'))).toBe('read')
  })

  test('a repeated member is always found, wherever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.jsonValue(), fc.jsonValue(), (name, one, two) => {
        const key = JSON.stringify(name)
        const text = `[${JSON.stringify(one)},{${key}:${JSON.stringify(two)},${key}:1}]`
        expect(reasonOf(json(text))).toBe('malformed_json')
      }),
    )
  })
})
