import { KEPT_AFTER_EXPIRY_SECONDS } from '../../grants/certificate-store.js'
import type { CredentialRecord, CredentialStanding, Issuance, IssuanceStore } from '../../grants/issuance-store.js'
import type { EpochSeconds } from '../../runtime/clock.js'
import { shardOf, type CredentialId } from '../../runtime/ids.js'
import { claimArguments, claimKeys, eventArguments, indexKey } from './arguments.js'
import type { Argument, Commands, Reply } from './commands.js'
import { plainDocument } from './document.js'
import {
  anchorMark,
  certificatesKey,
  certifiedTasksKey,
  childrenKey,
  claimKey,
  countersKey,
  credentialKey,
  deadlinesKey,
  deferralKey,
  errandKey,
  evidenceKey,
  grantKey,
  listKey,
  openCodesKey,
  runKey,
  taskKey,
} from './keys.js'
import { bytesOf, listOf, numberOf, wordOf } from './replies.js'
import {
  certificateMember,
  credentialRow,
  grantHead,
  grantIndex,
  parseCredentialRow,
  parseGrantRow,
  parseTaskRow,
  taskRow,
} from './rows.js'
import { loadScript } from './script.js'
import { shortId } from './short-id.js'
import { RETENTION_SECONDS, certificateTtl, claimTtl, credentialTtl } from './ttl.js'

const RECORD = loadScript('record')
const CLAIM = loadScript('claim')
const LOOK = loadScript('look-credential')
const END = loadScript('end-credential')

export const redisIssuanceStore = (commands: Commands): IssuanceStore => ({
  async record(issuance) {
    return wordOf(await commands.change(RECORD, recordKeys(issuance), recordArguments(issuance)), [
      'recorded',
      'conflict',
      'claim_taken',
      'run_ended',
      'grant_ended',
      'task_ended',
      'parent_ended',
      'over_tasks',
      'over_children',
      'ticket_used',
      'deferral_closed',
    ])
  },

  async confirm(ids) {
    const membersByKey = new Map<string, string[]>()
    for (const id of ids) {
      const key = deadlinesKey(shardOf(id))
      membersByKey.set(key, [...(membersByKey.get(key) ?? []), `c${shortId(id)}`])
    }
    await Promise.all([...membersByKey].map(([key, members]) => commands.single('zrem', [key, ...members])))
  },

  async claim(shard, claim, now) {
    const args = [claim.binding, claimTtl(claim.until, now)]
    return wordOf(await commands.change(CLAIM, [claimKey(shard, claim.key)], args), ['claimed', 'taken'])
  },

  async look(id, now) {
    const reply = await commands.look(LOOK, [credentialKey(id)], [])
    return Array.isArray(reply) ? parseStanding(id, reply, now) : undefined
  },

  async endCredential(id, how, at, events) {
    const shard = shardOf(id)
    const reply = await commands.change(
      END,
      [credentialKey(id), deadlinesKey(shard), evidenceKey(shard), countersKey(shard)],
      [how === 'voided' ? 'v' : 'r', at, ...eventArguments(shard, events)],
    )
    return wordOf(reply, ['ended', 'already', 'unknown'])
  },
})

const grantIdOf = ({ grant }: Issuance) => ('create' in grant ? grant.create.id : grant.id)
const taskIdOf = ({ task }: Issuance) => ('open' in task ? task.open.id : task.renew)

function recordKeys(issuance: Issuance): string[] {
  const { where, grant, credential, handedOn, deferral } = issuance
  const { shard } = where
  const grantId = grantIdOf(issuance)
  const taskId = taskIdOf(issuance)
  const keys = [
    credentialKey(credential.id),
    runKey(shard, where.run),
    grantKey(grantId),
    taskKey(taskId),
    errandKey(shard, where.errand),
    deadlinesKey(shard),
    evidenceKey(shard),
    countersKey(shard),
  ]
  if ('create' in grant) keys.push(listKey(shard), indexKey(grant.create))
  if (handedOn !== undefined) keys.push(claimKey(shard, handedOn.ticket.key), childrenKey(taskId))
  if (deferral !== undefined) keys.push(deferralKey(shard, deferral), openCodesKey(grantId))
  keys.push(...credential.ancestors.map(credentialKey), ...claimKeys(shard, issuance.claims))
  if (credential.certificate !== undefined) keys.push(certificatesKey(taskId), certifiedTasksKey(grantId))
  return keys
}

function recordArguments(issuance: Issuance): Argument[] {
  const { where, claims, grant, task, credential, handedOn, now } = issuance
  const mark = credential.certificate === undefined ? '' : '+'
  const args: Argument[] = [
    now,
    'create' in grant ? '' : grant.version,
    'open' in task ? task.runVersion : '',
    issuance.leaseUntil,
    issuance.unsentAt,
    credentialRow(credential),
    credentialTtl(credential.expiresAt, now),
    'open' in task ? taskRow(task.open, issuance.leaseUntil, mark) : '',
    handedOn?.maxChildren ?? '',
    issuance.deferral === undefined ? 0 : 1,
    credential.ancestors.length,
    claims.length,
    RETENTION_SECONDS * 1000,
    ...eventArguments(where.shard, issuance.events),
  ]
  if ('create' in grant) {
    const { create } = grant
    // Made by rule, on the hot path, for one run: not worth deflating.
    args.push(grantHead(create), grantIndex(create, anchorMark(where.anchor)) + mark, plainDocument(create.document))
  }
  if (handedOn !== undefined) {
    args.push(handedOn.holder, handedOn.ticket.binding, claimTtl(handedOn.ticket.until, now))
  }
  args.push(...claimArguments(claims, now))
  if (credential.certificate !== undefined) args.push(...certificateArguments(credential, credential.certificate, now))
  return args
}

const certificateArguments = (
  credential: CredentialRecord,
  { authority }: NonNullable<CredentialRecord['certificate']>,
  now: EpochSeconds,
): Argument[] => [
  certificateMember(credential, authority),
  credential.expiresAt,
  certificateTtl(credential.expiresAt, now),
  now - KEPT_AFTER_EXPIRY_SECONDS,
]

function parseStanding(id: CredentialId, reply: readonly Reply[], now: EpochSeconds): CredentialStanding {
  const [row, grantRow, taskRowOf, parentsLive] = listOf(reply)
  const { credential, ended } = parseCredentialRow(id, bytesOf(row))
  const grant = parseGrantRow(credential.grantId, bytesOf(grantRow))
  const task = parseTaskRow(credential.taskId, bytesOf(taskRowOf))
  const live =
    !ended &&
    numberOf(parentsLive) === 1 &&
    now < credential.expiresAt &&
    task.state === 'open' &&
    grant.status === 'active' &&
    now < grant.deadline
  return { credential, live, grant, task }
}
