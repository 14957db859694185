import { describe, expect, test } from '@jest/globals'
import { formatCursor, parseCursor } from '../../../../src/storage/redis/list-cursor.js'

describe('the cursor of a listing', () => {
  test('leads back to where it was', () => {
    expect(parseCursor(formatCursor({ shard: 63, after: 123_456 }))).toEqual({ shard: 63, after: 123_456 })
  })

  test.each([undefined, '', 'x', Buffer.from('64.1').toString('base64url'), Buffer.from('1.-1').toString('base64url')])(
    '%p is none',
    (text) => {
      expect(parseCursor(text)).toBeUndefined()
    },
  )
})
