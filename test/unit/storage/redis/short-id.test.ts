import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { longDigits, shortId } from '../../../../src/storage/redis/short-id.js'

const digits = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex'))
const idOf = (text: string) => `gr_40${text}`

describe('short ids', () => {
  test('lead back to the id', () => {
    fc.assert(
      fc.property(digits, (text) => {
        expect(longDigits(shortId(idOf(text)))).toBe(text)
      }),
    )
  })

  test('are 22 characters that need no quoting in a key', () => {
    fc.assert(
      fc.property(digits, (text) => {
        expect(shortId(idOf(text))).toMatch(/^[\w-]{22}$/)
      }),
    )
  })

  test('sort as the ids do', () => {
    fc.assert(
      fc.property(digits, digits, (a, b) => {
        expect(shortId(idOf(a)) < shortId(idOf(b))).toBe(a < b)
      }),
    )
  })

  test.each(['', 'gr_40', `gr_40${'0'.repeat(33)}`])('%j is no id', (text) => {
    expect(() => shortId(text)).toThrow(TypeError)
  })

  test.each(['', 'a'.repeat(21), `${'a'.repeat(21)}/`])('%j is no short id', (text) => {
    expect(() => longDigits(text)).toThrow(TypeError)
  })
})
