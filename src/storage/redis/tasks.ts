import type { TaskEnd, TaskStore } from '../../grants/task-store.js'
import { shardOf } from '../../runtime/ids.js'
import { eventArguments, revisionArguments, revisionKeys } from './arguments.js'
import type { Argument, Commands } from './commands.js'
import { countersKey, deadlinesKey, evidenceKey, taskKey } from './keys.js'
import { bytesOf, wordOf } from './replies.js'
import { parseTaskRow, stateLetter } from './rows.js'
import { loadScript } from './script.js'

const RENEW = loadScript('renew-task')
const END = loadScript('end-task')

export const redisTaskStore = (commands: Commands): TaskStore => ({
  async read(id) {
    const row = await commands.single('get', [taskKey(id)])
    return row === null ? undefined : parseTaskRow(id, bytesOf(row))
  },

  async renew(id, leaseUntil, events) {
    const shard = shardOf(id)
    const reply = await commands.change(
      RENEW,
      [taskKey(id), deadlinesKey(shard), evidenceKey(shard), countersKey(shard)],
      [leaseUntil, ...eventArguments(shard, events)],
    )
    return wordOf(reply, ['renewed', 'ended', 'unknown'])
  },

  async end(end) {
    return wordOf(await commands.change(END, endKeys(end), endArguments(end)), [
      'ended',
      'already',
      'not_lapsed',
      'conflict',
      'unknown',
    ])
  },
})

function endKeys({ id, grant }: TaskEnd): string[] {
  const shard = shardOf(id)
  const own = [taskKey(id), deadlinesKey(shard), evidenceKey(shard), countersKey(shard)]
  if (grant === undefined) return own
  const keys = revisionKeys(grant)
  return [...own, keys.grant, keys.index, keys.pending, keys.pendingCount, ...keys.optional]
}

function endArguments({ id, state, onlyIfLapsed, grant, at, events }: TaskEnd): Argument[] {
  const shard = shardOf(id)
  return [
    stateLetter(state),
    onlyIfLapsed ?? '',
    grant === undefined ? 0 : 1,
    ...(grant === undefined ? ['', '', '', 0, '', ''] : revisionArguments(grant)),
    ...eventArguments(shard, [...events, ...(grant?.events ?? [])]),
    at,
  ]
}
