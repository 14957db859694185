import type { EncodedEvent } from '../../evidence/event.js'
import type { Claim } from '../../grants/grant-store.js'
import type { CredentialStanding, Issuance, IssuanceStore, Recorded, TaskRecord } from '../../grants/issuance-store.js'
import type { EpochSeconds } from '../../runtime/clock.js'
import type { CredentialId, Shard } from '../../runtime/ids.js'
import { keepCertificate, tellEnd } from './certificates.js'
import { isTaken, take, takeAll } from './claims.js'
import type { Database } from './database.js'
import { dueKey, hasDeadline, moveDeadline } from './deadlines.js'
import { isOpenFor, settleDeferral } from './deferrals.js'
import { appendEvents } from './events.js'
import { forgetLater, KEPT_AFTER_EXPIRY, place } from './forgetting.js'
import { changeRun, hasEnded, keepGrant, runEntry } from './grants.js'
import { idKey, inShard, textKey } from './keys.js'
import type { GrantEntry, Tables } from './tables.js'
import { keepLease } from './tasks.js'

export class EmbeddedIssuanceStore implements IssuanceStore {
  constructor(
    readonly database: Database,
    readonly tables: Tables,
  ) {}

  record(issuance: Issuance): Promise<Recorded> {
    return this.database.step(() => {
      if (this.tables.credentials.has(idKey(issuance.credential.id))) return 'recorded'
      const refusal = refusalOf(this.tables, issuance)
      if (refusal) return refusal
      keep(this.tables, issuance)
      return 'recorded'
    })
  }

  confirm(ids: readonly CredentialId[]): Promise<void> {
    return this.database.step(() => {
      for (const id of ids) {
        const entry = this.tables.credentials.get(idKey(id))
        if (entry) moveDeadline(this.tables, id, entry.unsentAt, undefined)
      }
    })
  }

  claim(shard: Shard, claim: Claim): Promise<'claimed' | 'taken'> {
    return this.database.step(() => {
      if (isTaken(this.tables, shard, claim)) return 'taken'
      takeAll(this.tables, shard, [claim])
      return 'claimed'
    })
  }

  look(id: CredentialId, now: EpochSeconds): Promise<CredentialStanding | undefined> {
    return this.database.look(() => look(this.tables, id, now))
  }

  endCredential(
    id: CredentialId,
    how: 'revoked' | 'voided',
    at: EpochSeconds,
    events: readonly EncodedEvent[],
  ): Promise<'ended' | 'already' | 'unknown'> {
    return this.database.step(() => {
      const entry = this.tables.credentials.get(idKey(id))
      if (!entry) return 'unknown'
      if (entry.ended) return 'already'
      // Confirmed after the sweeper was handed it: it was sent, so it lives.
      if (how === 'voided' && !hasDeadline(this.tables, id, entry.unsentAt)) return 'already'
      this.tables.credentials.put(idKey(id), { ...entry, ended: { how, at } })
      moveDeadline(this.tables, id, entry.unsentAt, undefined)
      tellEnd(this.tables, at, id)
      appendEvents(this.tables, events)
      return 'ended'
    })
  }
}

/** In the order that all stores refuse in. */
function refusalOf(tables: Tables, issuance: Issuance): Recorded | undefined {
  const { where, claims, handedOn } = issuance
  if (runEntry(tables, where.shard, where.run).ended) return 'run_ended'
  if (claims.some((claim) => isTaken(tables, where.shard, claim))) return 'claim_taken'
  if (handedOn && isTaken(tables, where.shard, handedOn.ticket)) return 'ticket_used'
  return (
    refusalOfGrant(tables, issuance) ??
    refusalOfTask(tables, issuance) ??
    refusalOfParents(tables, issuance) ??
    refusalOfDeferral(tables, issuance)
  )
}

function refusalOfGrant({ grants }: Tables, { grant, now }: Issuance): Recorded | undefined {
  if ('create' in grant) {
    if (now >= grant.create.deadline) return 'grant_ended'
    return grants.has(idKey(grant.create.id)) ? 'conflict' : undefined
  }
  const record = grants.get(idKey(grant.id))?.record
  if (!record || hasEnded(record) || now >= record.deadline) return 'grant_ended'
  return record.status === 'active' && record.version === grant.version ? undefined : 'conflict'
}

function refusalOfTask(tables: Tables, { where, grant, task }: Issuance): Recorded | undefined {
  if ('renew' in task) {
    const record = tables.tasks.get(idKey(task.renew))
    return record?.state === 'open' && record.grantId === grantIdOf(grant) ? undefined : 'task_ended'
  }
  if (runEntry(tables, where.shard, where.run).version !== task.runVersion) return 'conflict'
  const { maxTasks, tasks } =
    'create' in grant
      ? { ...grant.create, tasks: 0 }
      : (tables.grants.get(idKey(grant.id))?.record ?? { maxTasks: 0, tasks: 0 })
  return tasks >= maxTasks ? 'over_tasks' : undefined
}

function refusalOfParents({ credentials, children }: Tables, issuance: Issuance): Recorded | undefined {
  const { credential, handedOn, now } = issuance
  for (const id of credential.ancestors) {
    const parent = credentials.get(idKey(id))
    if (!parent || parent.ended || parent.record.expiresAt <= now) return 'parent_ended'
  }
  if (!handedOn) return undefined
  const count = children.get(childrenKey(issuance, handedOn.holder)) ?? 0
  return count >= handedOn.maxChildren ? 'over_children' : undefined
}

const refusalOfDeferral = (tables: Tables, { grant, deferral }: Issuance): Recorded | undefined =>
  deferral === undefined || isOpenFor(tables, grantIdOf(grant), deferral) ? undefined : 'deferral_closed'

function keep(tables: Tables, issuance: Issuance): void {
  const { where, claims, grant, handedOn, deferral, events } = issuance
  const taken = handedOn ? [...claims, handedOn.ticket] : claims
  const places = taken.flatMap((claim) => take(tables, where.shard, claim) ?? [])
  if (handedOn) {
    const key = childrenKey(issuance, handedOn.holder)
    tables.children.put(key, (tables.children.get(key) ?? 0) + 1)
  }
  keepGrantAndTask(tables, issuance)
  keepCredential(tables, issuance, places)
  const { credential } = issuance
  if (credential.certificate) keepCertificate(tables, credential, credential.certificate)
  if (deferral !== undefined) settleDeferral(tables, grantIdOf(grant), deferral, 'redeemed')
  appendEvents(tables, events)
}

function keepGrantAndTask(tables: Tables, { where, grant, task, leaseUntil }: Issuance): void {
  const opens = 'open' in task ? 1 : 0
  if ('create' in grant) {
    keepGrant(tables, undefined, { record: { ...grant.create, tasks: opens }, anchorKey: where.anchor })
  } else if (opens > 0) {
    const entry = tables.grants.get(idKey(grant.id))
    if (entry) tables.grants.put(idKey(grant.id), withOneMoreTask(entry))
  }
  if ('renew' in task) {
    keepLease(tables, task.renew, leaseUntil)
    return
  }
  openTask(tables, { ...task.open, leaseUntil: Math.max(task.open.leaseUntil, leaseUntil) }, where.shard)
  // A grant that was made for the run has changed the version of the run already.
  if (!('create' in grant && 'run' in grant.create.index)) changeRun(tables, where.shard, where.run)
}

const withOneMoreTask = (entry: GrantEntry): GrantEntry => ({
  ...entry,
  record: { ...entry.record, tasks: entry.record.tasks + 1 },
})

function openTask(tables: Tables, task: TaskRecord, shard: Shard): void {
  const key = idKey(task.id)
  tables.tasks.put(key, task)
  tables.tasksOfGrant.put(idKey(task.grantId) + key, true)
  const errandKey = inShard(shard, task.errand)
  const others = tables.errands.get(errandKey) ?? []
  tables.errands.put(errandKey, [...others, { grantId: task.grantId, taskId: task.id, open: true }])
  tables.due.put(dueKey(task.id, task.leaseUntil), true)
}

/** The claims that led to it are forgotten with it, at the earliest: one entry for all. */
function keepCredential(tables: Tables, { credential, unsentAt }: Issuance, claims: readonly string[]): void {
  const key = idKey(credential.id)
  tables.credentials.put(key, { record: credential, unsentAt })
  tables.due.put(dueKey(credential.id, unsentAt), true)
  forgetLater(tables, credential.expiresAt + KEPT_AFTER_EXPIRY, place(tables.credentials, key), ...claims)
}

function look(tables: Tables, id: CredentialId, now: EpochSeconds): CredentialStanding | undefined {
  const entry = tables.credentials.get(idKey(id))
  const grant = entry && tables.grants.get(idKey(entry.record.grantId))?.record
  const task = entry && tables.tasks.get(idKey(entry.record.taskId))
  if (!grant || !task) return undefined
  const { record: credential, ended } = entry
  const live =
    !ended &&
    now < credential.expiresAt &&
    grant.status === 'active' &&
    now < grant.deadline &&
    task.state === 'open' &&
    credential.ancestors.every((ancestor) => livesOn(tables, ancestor))
  return { credential, live, grant, task }
}

function livesOn({ credentials }: Tables, id: CredentialId): boolean {
  const entry = credentials.get(idKey(id))
  return entry !== undefined && !entry.ended
}

const grantIdOf = (grant: Issuance['grant']) => ('create' in grant ? grant.create.id : grant.id)

const taskIdOf = (task: Issuance['task']) => ('open' in task ? task.open.id : task.renew)

const childrenKey = ({ task }: Issuance, holder: string): string => idKey(taskIdOf(task)) + textKey(holder)
