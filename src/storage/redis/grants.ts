import type { Expiry, Found, GrantRequest, GrantRequested, GrantStore, Whereabouts } from '../../grants/grant-store.js'
import type { EpochSeconds } from '../../runtime/clock.js'
import { shardOf, type GrantId, type Shard } from '../../runtime/ids.js'
import { claimArguments, claimKeys, eventArguments, indexKey, revisionArguments, revisionKeys } from './arguments.js'
import type { Commands, Reply } from './commands.js'
import { restingDocument } from './document.js'
import { listGrants } from './list-grants.js'
import {
  anchorMark,
  coolDownKey,
  countersKey,
  deadlinesKey,
  deferralKey,
  errandKey,
  evidenceKey,
  grantIdIn,
  grantKey,
  placesKey,
  joinKey,
  listKey,
  openCodesKey,
  pendingCountKey,
  pendingKey,
  runKey,
  standingKey,
  taskIdIn,
} from './keys.js'
import { bytesOf, listOf, numberOf, textOf, wordOf } from './replies.js'
import { deferralRow, grantHead, grantIndex, grantsIn, parseGrantRow } from './rows.js'
import { loadScript } from './script.js'
import { deferralTtl, joinTtl } from './ttl.js'

const FIND = loadScript('find')
const REQUEST = loadScript('request-grant')
const REVISE = loadScript('revise-grant')
const EXPIRE = loadScript('expire-grants')
const FORGET = loadScript('forget-grant')
const RESERVE = loadScript('reserve-pending')

/** How many grants expire in one call: Redis serves one call at a time, and ten milliseconds are too long. */
const EXPIRE_BATCH = 50

export const redisGrantStore = (commands: Commands): GrantStore => ({
  async find(where) {
    const keys = [
      runKey(where.shard, where.run),
      standingKey(where.shard, where.anchor),
      errandKey(where.shard, where.errand),
    ]
    return parseFound(where, await commands.look(FIND, keys, []))
  },

  async read(id) {
    const row = await commands.single('get', [grantKey(id)])
    return row === null ? undefined : parseGrantRow(id, bytesOf(row))
  },

  list: (filter, cursor, limit) => listGrants(commands, filter, cursor, limit),

  request: (request) => requestGrant(commands, request),

  async revise(revision) {
    const shard = shardOf(revision.record.id)
    const keys = revisionKeys(revision)
    const reply = await commands.change(
      REVISE,
      [
        keys.grant,
        keys.index,
        keys.deadlines,
        evidenceKey(shard),
        keys.counters,
        keys.pending,
        keys.pendingCount,
        ...keys.optional,
      ],
      [...revisionArguments(revision), ...eventArguments(shard, revision.events), revision.at],
    )
    return wordOf(reply, ['revised', 'conflict'])
  },

  async expire(shard, expiries, now, keptUntil) {
    const expired: GrantId[] = []
    for (let at = 0; at < expiries.length; at += EXPIRE_BATCH) {
      const batch = expiries.slice(at, at + EXPIRE_BATCH)
      expired.push(...(await expireBatch(commands, shard, batch, now, keptUntil)))
    }
    return expired
  },

  async forget(id, now) {
    const shard = shardOf(id)
    await commands.change(FORGET, [grantKey(id), deadlinesKey(shard), listKey(shard)], [now])
  },

  async reservePending(whose, id, until, limit, now) {
    return wordOf(await commands.change(RESERVE, [placesKey(whose)], [now, id, until, limit]), ['reserved', 'full'])
  },

  async releasePending(whose, id) {
    await commands.single('zrem', [placesKey(whose), id])
  },
})

async function expireBatch(
  commands: Commands,
  shard: Shard,
  batch: readonly Expiry[],
  now: EpochSeconds,
  keptUntil: EpochSeconds,
): Promise<readonly GrantId[]> {
  const reply = await commands.change(
    EXPIRE,
    [
      deadlinesKey(shard),
      evidenceKey(shard),
      countersKey(shard),
      pendingKey(shard),
      ...batch.map(({ id }) => grantKey(id)),
    ],
    [now, keptUntil, ...batch.flatMap(({ events }) => eventArguments(shard, events))],
  )
  const places = new Set(listOf(reply).map(numberOf))
  return batch.filter((_, at) => places.has(at + 1)).map(({ id }) => id)
}

function parseFound(where: Whereabouts, reply: Reply): Found {
  const [ended, version, grants, tasks] = listOf(reply)
  const taskWords = listOf(tasks).map(textOf)
  const found: Found['tasks'][number][] = []
  for (let at = 0; at < taskWords.length; at += 3) {
    const [grant = '', task = '', state] = taskWords.slice(at, at + 3)
    found.push({ grantId: grantIdIn(where.shard, grant), taskId: taskIdIn(where.shard, task), open: state === 'o' })
  }
  return {
    runEnded: numberOf(ended) === 1,
    runVersion: numberOf(version),
    grants: grantsIn(where.shard, listOf(grants)),
    tasks: found,
  }
}

async function requestGrant(commands: Commands, request: GrantRequest): Promise<GrantRequested> {
  const { record, claims, deferral, joinKey: join, anchorKey, pendingLimit, now } = request
  const shard = shardOf(record.id)
  const joining = join !== undefined && record.status === 'pending'
  const keys = [
    grantKey(record.id),
    indexKey(record),
    deadlinesKey(shard),
    evidenceKey(shard),
    countersKey(shard),
    listKey(shard),
    pendingKey(shard),
    pendingCountKey(shard, anchorKey),
    ...(joining ? [joinKey(shard, join), coolDownKey(shard, join)] : []),
    ...(deferral === undefined ? [] : [deferralKey(shard, deferral.hash), openCodesKey(record.id)]),
    ...claimKeys(shard, claims),
  ]
  const reply = await commands.change(REQUEST, keys, [
    now,
    grantHead(record),
    grantIndex(record, anchorMark(anchorKey)),
    restingDocument(record),
    pendingLimit,
    joining ? joinTtl(record.deadline, now) : '',
    claims.length,
    deferral === undefined ? '' : deferralRow(deferral),
    deferral === undefined ? '' : deferralTtl(deferral.expiresAt, now),
    ...eventArguments(shard, request.events),
    ...claimArguments(claims, now),
  ])
  return parseRequested(shard, reply)
}

function parseRequested(shard: Shard, reply: Reply): GrantRequested {
  if (!Array.isArray(reply)) {
    return { kind: wordOf(reply, ['requested', 'run_ended', 'claim_taken', 'too_many_pending']) }
  }
  const [word, fact] = listOf(reply)
  return textOf(word) === 'equal_pending'
    ? { kind: 'equal_pending', grantId: grantIdIn(shard, textOf(fact)) }
    : { kind: 'cooling_down', until: numberOf(fact) }
}
