import { shardOf, type Shard } from '../../runtime/ids.js'

/**
 * Keys are bytes in strings (latin1), so that they sort alike in memory and in lmdb. Text from outside may hold any
 * character: it is written as UTF-8.
 */
export const textKey = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

/** The 17 bytes of an id; the first one is `0x40 | shard`. */
export const idKey = (id: string): string => Buffer.from(id.slice(3), 'hex').toString('latin1')

export const shardKey = (shard: Shard): string => String.fromCharCode(0x40 | shard)

/** A key within a shard. */
export const inShard = (shard: Shard, text: string): string => shardKey(shard) + textKey(text)

/** The same, for what belongs to the shard of an id. */
export const besideId = (id: string, text: string): string => inShard(shardOf(id), text)

/** Six bytes, in the order of the numbers. */
export function numberKey(value: number): string {
  const number = Math.max(0, value)
  const [high, low] = [Math.floor(number / 2 ** 32), number >>> 0]
  return String.fromCharCode(
    (high >>> 8) & 255,
    high & 255,
    low >>> 24,
    (low >>> 16) & 255,
    (low >>> 8) & 255,
    low & 255,
  )
}

export const numberOf = (key: string, at: number): number =>
  Buffer.from(key.slice(at, at + 6), 'latin1').readUIntBE(0, 6)

/** All keys that begin so. */
export const beginningWith = (prefix: string): { start: string; end: string } => ({
  start: prefix,
  end: `${prefix}\u00ff\u00ff\u00ff\u00ff`,
})

/** The id whose bytes stand here. */
export const hexAt = (key: string, at: number): string => Buffer.from(key.slice(at, at + 17), 'latin1').toString('hex')
