import { SHARDS, type Shard } from '../../runtime/ids.js'

/** How far a listing of grants has come: a shard, and the place of the last grant that was looked at there. */
export interface Cursor {
  readonly shard: Shard
  readonly after: number
}

export const formatCursor = ({ shard, after }: Cursor): string => Buffer.from(`${shard}.${after}`).toString('base64url')

/** `undefined` for none, and for what is no cursor of ours: a listing then starts anew. */
export function parseCursor(text: string | undefined): Cursor | undefined {
  const [, shard, after] = /^(\d{1,2})\.(\d{1,15})$/.exec(Buffer.from(text ?? '', 'base64url').toString()) ?? []
  if (shard === undefined || after === undefined || Number(shard) >= SHARDS) return undefined
  return { shard: Number(shard), after: Number(after) }
}
