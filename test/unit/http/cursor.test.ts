import { createHmac } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createCursors } from '../../../src/http/cursor.js'

const mac = (key: string) => (text: string) => createHmac('sha256', key).update(text).digest('base64url')
const cursorsBy = (key: string) => createCursors({ make: mac(key), check: (text, tag) => mac(key)(text) === tag })
const cursors = cursorsBy('a key')
const list = ['grants', 'pending', '']

describe('a cursor', () => {
  test('leads back to the place that it was made for, in its own list', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (place) => {
        expect(cursors.open(list, cursors.seal(list, place))).toBe(place)
      }),
    )
  })
  test('is nothing in another list, with another key, or when anything of it was changed', () => {
    const cursor = cursors.seal(list, '3.7')
    expect(cursors.open(['grants', 'active', ''], cursor)).toBeUndefined()
    expect(cursors.open(['grants', 'pending'], cursor)).toBeUndefined()
    expect(cursorsBy('another key').open(list, cursor)).toBeUndefined()
    for (let at = 0; at < cursor.length; at += 1) {
      const changed = cursor.slice(0, at) + (cursor[at] === 'A' ? 'B' : 'A') + cursor.slice(at + 1)
      expect(cursors.open(list, changed)).toBeUndefined()
    }
    for (const made of ['', '.', 'abc', `${cursor}.`, `.${cursor}`, Buffer.from('3.7').toString('base64url')])
      expect(cursors.open(list, made)).toBeUndefined()
  })
})
