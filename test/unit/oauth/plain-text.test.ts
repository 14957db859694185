import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { lengthOf, plainText } from '../../../src/oauth/plain-text.js'

describe('contract §1, purpose: plain text, control and bidirectional characters stripped', () => {
  test.each([
    ['left as it is', 'deploy shop 4.2 — für Zoë 🚀', 'deploy shop 4.2 — für Zoë 🚀'],
    ['line ends', 'one\r\ntwo', 'onetwo'],
    ['NUL, BEL, ESC, DEL', 'a\0b\x07c\x1b[31md\x7f', 'abc[31md'],
    ['C1 controls', 'a\u0085b\u009bc', 'abc'],
    ['overrides and embeddings', 'a\u202eb\u202ac\u202d\u202b\u202c', 'abc'],
    ['isolates', 'a\u2066b\u2067c\u2068\u2069', 'abc'],
    ['marks', 'a\u200eb\u200fc\u061cd', 'abcd'],
    ['zero width', 'a\u200bb\u200cc\u200dd\ufeffe\u2060f', 'abcdef'],
    ['line and paragraph separators', 'a\u2028b\u2029c', 'abc'],
    ['lone surrogates', 'a\ud800b\udc00c', 'abc'],
    ['interlinear annotations', 'a\ufff9b\ufffac\ufffbd', 'abcd'],
    ['blanks at the ends', '  a b \u00a0', 'a b'],
    ['nothing else', '\u202e\0\n', ''],
  ])('%s', (_, text, shown) => {
    expect(plainText(text)).toBe(shown)
  })

  test('what comes out has none of them left, whatever went in, and is stripped once for all', () => {
    const hostile = fc.string({
      unit: fc.oneof(
        fc.constantFrom('\u202e', '\u2066', '\0', '\ud800', '\udc00', '\u200f', 'a', ' ', '🚀'),
        fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
      ),
    })
    fc.assert(
      fc.property(hostile, (text) => {
        const shown = plainText(text)
        // eslint-disable-next-line no-control-regex -- these are what must be gone
        expect(shown).not.toMatch(/[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/)
        expect(shown).not.toMatch(/\p{Cs}/u)
        expect(plainText(shown)).toBe(shown)
      }),
    )
  })

  test('length is counted in characters, not in UTF-16 units', () => {
    expect(lengthOf('🚀'.repeat(500))).toBe(500)
  })
})
