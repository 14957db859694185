import type { DeadlineStore, Due } from '../../grants/deadline-store.js'
import type { Shard } from '../../runtime/ids.js'
import { ofEachShard, type Commands } from './commands.js'
import { storeUnavailable } from './faults.js'
import { countersKey, credentialIdIn, deadlinesKey, grantIdIn, taskIdIn } from './keys.js'
import { listOf, numberOf, textOf } from './replies.js'
import { loadScript } from './script.js'
import { shortId } from './short-id.js'

const TAKE = loadScript('take-due')
const LAG = loadScript('shard-lag')

/** Redis is one thread: at a hundred entries a call stays under its ten milliseconds by far. */
const BATCH = 100

const memberOf = (due: Due): string => due.kind.charAt(0) + shortId(due.id)

function dueOf(shard: Shard, member: string): Due {
  const short = member.slice(1)
  switch (member.charAt(0)) {
    case 'g':
      return { kind: 'grant', id: grantIdIn(shard, short) }
    case 't':
      return { kind: 'task', id: taskIdIn(shard, short) }
    case 'c':
      return { kind: 'credential', id: credentialIdIn(shard, short) }
    default:
      throw storeUnavailable('a deadline in Redis is of an unknown kind')
  }
}

export const redisDeadlineStore = (commands: Commands): DeadlineStore => ({
  async takeDue(shard, now, leaseSeconds, limit) {
    const due: Due[] = []
    while (due.length < limit) {
      const count = Math.min(BATCH, limit - due.length)
      const reply = await commands.change(TAKE, [deadlinesKey(shard)], [now, now + Math.max(1, leaseSeconds), count])
      const taken = listOf(reply)
      due.push(...taken.map((member) => dueOf(shard, textOf(member))))
      if (taken.length < count) break
    }
    return due
  },

  async drop(shard, due) {
    for (let at = 0; at < due.length; at += BATCH) {
      await commands.single('zrem', [deadlinesKey(shard), ...due.slice(at, at + BATCH).map(memberOf)])
    }
  },

  async lag(now) {
    const shards = await ofEachShard((shard) => commands.look(LAG, [deadlinesKey(shard), countersKey(shard)], []))
    let seconds = 0
    let liveGrants = 0
    for (const reply of shards) {
      const [oldest, live] = listOf(reply)
      if (textOf(oldest) !== '') seconds = Math.max(seconds, now - numberOf(oldest))
      liveGrants += numberOf(live)
    }
    return { seconds, liveGrants }
  },
})
