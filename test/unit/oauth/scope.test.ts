import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { formatScope, parseScope, splitScope } from '../../../src/oauth/scope.js'

describe('RFC 6749 §3.3: scope', () => {
  test.each([
    ['one token', 'read', ['read']],
    ['several, sorted', 'write read', ['read', 'write']],
    ['repeated ones once', 'read read', ['read']],
    ['more blanks than needed', '  read   write ', ['read', 'write']],
    ['case sensitive', 'Read read', ['Read', 'read']],
    ['all characters that a token may have', '!#[]~:/', ['!#[]~:/']],
  ])('%s', (_, text, tokens) => {
    expect(parseScope(text)).toEqual(tokens)
  })

  test.each([
    ['nothing', ''],
    ['blanks alone', '   '],
    ['a quote', 'a"b'],
    ['a backslash', 'a\\b'],
    ['a tab', 'a\tb'],
    ['a line end', 'a\nb'],
    ['a character above ASCII', 'lös'],
    ['a no-break space', 'a\u00a0b'],
    ['NUL', 'a\0'],
    ['DEL', 'a\x7f'],
  ])('%s is refused', (_, text) => {
    expect(parseScope(text)).toBeUndefined()
  })

  test('what was parsed reads back as the same tokens, in one notation for any order', () => {
    const token = fc.stringMatching(/^[\x21\x23-\x5B\x5D-\x7E]{1,8}$/)
    fc.assert(
      fc.property(fc.array(token, { minLength: 1, maxLength: 6 }), fc.array(fc.nat(5)), (tokens, order) => {
        const shuffled = [...tokens].sort((a, b) => (order[a.length % 6] ?? 0) - (order[b.length % 6] ?? 0))
        const parsed = parseScope(tokens.join(' ')) ?? []
        expect(new Set(parsed)).toEqual(new Set(tokens))
        expect(splitScope(formatScope(parsed))).toEqual(parsed)
        expect(parseScope(shuffled.join('  '))).toEqual(parsed)
      }),
    )
  })

  test('an empty scope has no tokens', () => {
    expect(splitScope('')).toEqual([])
  })
})
