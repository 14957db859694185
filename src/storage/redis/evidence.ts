import type { EncodedEvent } from '../../evidence/event.js'
import type { EvidenceStore } from '../../evidence/evidence-store.js'
import type { Shard } from '../../runtime/ids.js'
import { eventArguments } from './arguments.js'
import { ofEachShard, type Commands, type Reply } from './commands.js'
import { countersKey, evidenceKey } from './keys.js'
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
    return listOf(reply)
      .flatMap(eventsOf)
      .filter(({ seq }) => seq > after)
      .slice(0, limit)
  },

  heads: () =>
    ofEachShard(async (shard) => {
      const [last] = listOf(await commands.single('xrevrange', [evidenceKey(shard), '+', '-', 'COUNT', 1]))
      return last === undefined ? 0 : seqIn(textOf(listOf(last)[0]))
    }),
})

/** The events of one step: the entry has the number of the last. */
function eventsOf(entry: Reply): { readonly seq: number; readonly line: string }[] {
  const [id, fields] = listOf(entry)
  const lines = textOf(listOf(fields)[1]).split('\n')
  const count = Math.floor(lines.length / 2)
  const first = seqIn(textOf(id)) - count + 1
  return Array.from({ length: count }, (_, at) => ({
    seq: first + at,
    line: `${lines[2 * at] ?? ''}${first + at}${lines[2 * at + 1] ?? ''}`,
  }))
}

const seqIn = (id: string): number => Number(id.slice(id.indexOf('-') + 1))

async function appendTo(commands: Commands, shard: Shard, events: readonly EncodedEvent[]): Promise<void> {
  await commands.change(APPEND, [evidenceKey(shard), countersKey(shard)], eventArguments(shard, events))
}
