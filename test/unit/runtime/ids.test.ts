import { describe, expect, test } from '@jest/globals'
import { parseCredentialId, parseGrantId, parseTaskId, randomIds, SHARDS, shardOf } from '../../../src/runtime/ids.js'

describe('contract §2: ids are a prefix and 34 hex digits, the shard first', () => {
  test('each carries its shard, and is read back', () => {
    for (let shard = 0; shard < SHARDS; shard++) {
      expect(shardOf(randomIds.grantId(shard))).toBe(shard)
      expect(parseGrantId(randomIds.grantId(shard))).toBeDefined()
      expect(parseTaskId(randomIds.taskId(shard))).toBeDefined()
      expect(parseCredentialId(randomIds.credentialId(shard))).toBeDefined()
    }
  })

  test('no two are equal, however many are made', () => {
    const made = Array.from({ length: 5000 }, () => randomIds.eventId(7).slice(5))
    expect(new Set(made).size).toBe(made.length)
  })

  test.each([
    undefined,
    '',
    'gr_',
    `tk_40${'0'.repeat(32)}`,
    `gr_3f${'0'.repeat(32)}`,
    `gr_40${'0'.repeat(31)}`,
    `gr_40${'0'.repeat(33)}`,
    `gr_40${'G'.repeat(32)}`,
  ])('%j is no id of a grant', (raw) => {
    expect(parseGrantId(raw)).toBeUndefined()
  })
})
