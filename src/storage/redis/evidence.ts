import type { EncodedEvent } from '../../evidence/event.js'
import type { EvidenceStore } from '../../evidence/evidence-store.js'
import type { Shard } from '../../runtime/ids.js'
import { eventArguments } from './arguments.js'
import { ofEachShard, type Commands } from './commands.js'
import { evidenceKey } from './keys.js'
import { listOf, textOf } from './replies.js'
import { loadScript } from './script.js'

const APPEND = loadScript('append-evidence')

export const redisEvidenceStore = (commands: Commands): EvidenceStore => ({
  async append(events) {
    const shards = new Set(events.map(({ shard }) => shard))
    const ofShard = (shard: Shard) => events.filter((event) => event.shard === shard)
    await Promise.all([...shards].map((shard) => appendTo(commands, shard, ofShard(shard))))
  },

  async read(shard, after, limit) {
    const reply = await commands.single('xrange', [evidenceKey(shard), `(0-${after}`, '+', 'COUNT', limit])
    return listOf(reply).map((entry) => {
      const [id, fields] = listOf(entry)
      const [, before, , rest] = listOf(fields)
      const seq = seqIn(textOf(id))
      return { seq, line: `${textOf(before)}${seq}${textOf(rest)}` }
    })
  },

  heads: () =>
    ofEachShard(async (shard) => {
      const [last] = listOf(await commands.single('xrevrange', [evidenceKey(shard), '+', '-', 'COUNT', 1]))
      return last === undefined ? 0 : seqIn(textOf(listOf(last)[0]))
    }),
})

/** Entries are numbered `0-1`, `0-2`, ... */
const seqIn = (id: string): number => Number(id.slice(id.indexOf('-') + 1))

async function appendTo(commands: Commands, shard: Shard, events: readonly EncodedEvent[]): Promise<void> {
  await commands.change(APPEND, [evidenceKey(shard)], eventArguments(shard, events))
}
