import { describe, expect, test } from '@jest/globals'
import { anEvent } from '../../support/store-records.js'
import { type Context, FIFTY } from './context.js'

export function describeEvidence({ openAnother, stores }: Context): void {
  describe('evidence', () => {
    test('lines of a shard are numbered from 1 without a gap, and carry their number', async () => {
      const { evidence } = await openAnother()
      await evidence.append([anEvent(3, 'grant.requested', { n: 1 }), anEvent(3, 'grant.denied', { n: 2 })])
      await evidence.append([anEvent(3, 'key.rotated', { n: 3 })])
      const read = await evidence.read(3, 0, 10)
      expect(read.map(({ seq }) => seq)).toEqual([1, 2, 3])
      const parsed = read.map(({ line }) => JSON.parse(line) as { seq: number; data: { n: number }; shard: number })
      expect(parsed.map(({ seq, data, shard }) => [seq, data.n, shard])).toEqual([
        [1, 1, 3],
        [2, 2, 3],
        [3, 3, 3],
      ])
    })

    test('a line is what was appended, to the letter, whatever characters it has', async () => {
      const { evidence } = await openAnother()
      const event = anEvent(9, 'exchange.refused', { purpose: 'Grüße \u2028 🚀 "\\n" \n', nested: { list: [1, true] } })
      await evidence.append([event])
      expect(await evidence.read(9, 0, 1)).toEqual([{ seq: 1, line: `${event.before}1${event.after}` }])
    })

    test('reading goes on after a number, oldest first, at most so many', async () => {
      const { evidence } = await openAnother()
      await evidence.append(Array.from({ length: 7 }, () => anEvent(63)))
      expect((await evidence.read(63, 0, 3)).map(({ seq }) => seq)).toEqual([1, 2, 3])
      expect((await evidence.read(63, 3, 3)).map(({ seq }) => seq)).toEqual([4, 5, 6])
      expect((await evidence.read(63, 6, 3)).map(({ seq }) => seq)).toEqual([7])
      expect(await evidence.read(63, 7, 3)).toEqual([])
      expect(await evidence.read(62, 0, 3)).toEqual([])
    })

    test('heads tell the last number of each of the 64 shards', async () => {
      const { evidence } = await openAnother()
      expect(await evidence.heads()).toEqual(Array.from({ length: 64 }, () => 0))
      await evidence.append([anEvent(0), anEvent(0)])
      await evidence.append([anEvent(63)])
      const heads = await evidence.heads()
      expect([heads.length, heads[0], heads[1], heads[63]]).toEqual([64, 2, 0, 1])
    })

    test('appending nothing is no step', async () => {
      await stores().evidence.append([])
    })

    test('fifty at once leave no gap and no repeat', async () => {
      const { evidence } = await openAnother()
      await Promise.all(FIFTY.map((n) => evidence.append([anEvent(5, 'grant.requested', { n }), anEvent(5)])))
      const read = await evidence.read(5, 0, 1000)
      expect(read.map(({ seq }) => seq)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1))
      expect(new Set(read.map(({ line }) => line)).size).toBe(100)
      expect((await evidence.heads())[5]).toBe(100)
    })
  })
}
