import type { IndexedCertificate } from '../../grants/certificate-store.js'
import type { DeferralRecord, GrantRecord } from '../../grants/grant-store.js'
import type { GrantStatus } from '../../grants/grant.js'
import type { CredentialRecord, TaskRecord } from '../../grants/issuance-store.js'
import { type CredentialId, type GrantId, type Shard, type TaskId, shardOf } from '../../runtime/ids.js'
import type { Reply } from './commands.js'
import { documentOf } from './document.js'
import { storeUnavailable } from './faults.js'
import { credentialIdIn, grantIdIn, taskIdIn } from './keys.js'
import { bytesOf, pairsOf, textOf } from './replies.js'
import { shortId } from './short-id.js'

/**
 * A record is one string: a header of words, a line feed, and the opaque document. One string costs a third of a hash
 * with a long field, and a script reads its first words without parsing the rest. The state is the first letter.
 * What has certificates below it is marked: `+` at the end of the last word of a grant and of a task, when it is made with one, and
 * by scripts after that.
 */
const STATUS_LETTERS: Readonly<Record<GrantStatus, string>> = {
  pending: 'p',
  active: 'a',
  denied: 'd',
  withdrawn: 'w',
  expired: 'x',
  completed: 'c',
  revoked: 'r',
}
const STATE_LETTERS: Readonly<Record<TaskRecord['state'], string>> = {
  open: 'o',
  completed: 'c',
  abandoned: 'a',
  revoked: 'r',
}

const inverse = <K extends string>(letters: Readonly<Record<K, string>>): ReadonlyMap<string, K> =>
  new Map(Object.entries<string>(letters).map(([name, letter]) => [letter, name as K]))

const STATUSES = inverse(STATUS_LETTERS)
const STATES = inverse(STATE_LETTERS)

export const statusLetter = (status: GrantStatus): string => STATUS_LETTERS[status]
export const stateLetter = (state: TaskRecord['state']): string => STATE_LETTERS[state]

interface Row {
  readonly letter: string
  readonly words: readonly string[]
  readonly rest: Buffer
}

function split(row: Buffer, count: number, most: number = count): Row {
  const end = row.indexOf(0x0a)
  const words = row.toString('utf8', 1, end).split(' ')
  if (end < 1 || words.length < count || words.length > most) throw unreadable()
  return { letter: row.toString('latin1', 0, 1), words, rest: row.subarray(end + 1) }
}

/** A last word, without its mark. */
const unmarked = (word: string): string => (word.endsWith('+') ? word.slice(0, -1) : word)

const unreadable = (): Error => storeUnavailable('a record in Redis has an unknown form')

const known = <T>(value: T | undefined): T => {
  if (value === undefined) throw unreadable()
  return value
}

/** `<status><version> <deadline> <max tasks>`: scripts add the tasks opened, the place in the list, and the index. */
export const grantHead = ({ status, version, deadline, maxTasks }: GrantRecord): string =>
  `${statusLetter(status)}${version} ${deadline} ${maxTasks}`

/** `<anchor> <r or a><run or anchor>` */
export const grantIndex = ({ index }: GrantRecord, anchor: string): string =>
  `${anchor} ${'run' in index ? `r${index.run}` : `a${index.anchor}`}`

export function parseGrantRow(id: GrantId, row: Buffer): GrantRecord {
  const { letter, words, rest } = split(row, 7)
  const [version, deadline, maxTasks, tasks, , , lastWord = ''] = words
  const index = unmarked(lastWord)
  return {
    id,
    version: Number(version),
    status: known(STATUSES.get(letter)),
    deadline: Number(deadline),
    maxTasks: Number(maxTasks),
    tasks: Number(tasks),
    document: documentOf(rest),
    index: index.startsWith('r') ? { run: index.slice(1) } : { anchor: index.slice(1) },
  }
}

/** Pairs of short id and row, as scripts answer them. */
export const grantsIn = (shard: Shard, pairs: readonly Reply[]): GrantRecord[] =>
  pairsOf(pairs).map(([short, row]) => parseGrantRow(grantIdIn(shard, textOf(short)), bytesOf(row)))

/** `<state><ends run> <opened> <lease> <grant> <run> <errand>` */
export const taskRow = (task: TaskRecord, leaseUntil: number, mark: '+' | ''): string =>
  `${stateLetter(task.state)}${task.endsRun ? 1 : 0} ${task.openedAt} ${leaseUntil} ${shortId(task.grantId)} ` +
  `${task.run} ${task.errand}${mark}\n${task.document}`

export function parseTaskRow(id: TaskId, row: Buffer): TaskRecord {
  const { letter, words, rest } = split(row, 6)
  const [endsRun, openedAt, leaseUntil, grant = '', run = '', errand = ''] = words
  return {
    id,
    grantId: grantIdIn(shardOf(id), grant),
    state: known(STATES.get(letter)),
    openedAt: Number(openedAt),
    leaseUntil: Number(leaseUntil),
    endsRun: endsRun === '1',
    run,
    errand: unmarked(errand),
    document: rest.toString('utf8'),
  }
}

/**
 * `<- or +, or how it ended><expires> <grant> <task> <ancestors>`, and for a certificate its authority. `+`: it is one, or one was
 * handed on from it.
 */
export const credentialRow = ({ certificate, ...credential }: CredentialRecord): string =>
  `${certificate === undefined ? '-' : '+'}${credential.expiresAt} ${shortId(credential.grantId)} ` +
  `${shortId(credential.taskId)} ${ancestorsWord(credential)}` +
  `${certificate === undefined ? '' : ` ${certificate.authority}`}\n${credential.document}`

const ancestorsWord = ({ ancestors }: Pick<CredentialRecord, 'ancestors'>): string => ancestors.map(shortId).join(',')

const ancestorsIn = (shard: Shard, word: string): CredentialId[] =>
  word === '' ? [] : word.split(',').map((short) => credentialIdIn(shard, short))

export function parseCredentialRow(id: CredentialId, row: Buffer): { credential: CredentialRecord; ended: boolean } {
  const { letter, words, rest } = split(row, 4, 5)
  const [expiresAt, grant = '', task = '', ancestors = '', authority] = words
  const shard = shardOf(id)
  const credential: CredentialRecord = {
    id,
    grantId: grantIdIn(shard, grant),
    taskId: taskIdIn(shard, task),
    ancestors: ancestorsIn(shard, ancestors),
    expiresAt: Number(expiresAt),
    document: rest.toString('utf8'),
    ...(authority === undefined ? {} : { certificate: { authority } }),
  }
  return { credential, ended: letter !== '-' && letter !== '+' }
}

/** `<certificate> <authority> <ancestors>`, which stands at the time when it expires. */
export const certificateMember = ({ id, ancestors }: CredentialRecord, authority: string): string =>
  `${shortId(id)} ${authority} ${ancestorsWord({ ancestors })}`

export function parseCertificateMember(shard: Shard, member: string, expiresAt: number): IndexedCertificate {
  const [short = '', authority = '', ancestors = ''] = member.split(' ')
  return { id: credentialIdIn(shard, short), authority, expiresAt, ancestors: ancestorsIn(shard, ancestors) }
}

/** `<o, r or c><interval> <last poll, ms> <expires> <grant> <holder>` */
export const deferralRow = (deferral: DeferralRecord): string =>
  `o${deferral.interval} 0 ${deferral.expiresAt} ${shortId(deferral.grantId)} ${deferral.holder}\n${deferral.request}`

export function parseDeferralRow(shard: number, hash: string, row: Buffer): DeferralRecord {
  const { words, rest } = split(row, 5)
  const [interval, , expiresAt, grant = '', holder = ''] = words
  return {
    hash,
    grantId: grantIdIn(shard, grant),
    holder,
    request: rest.toString('utf8'),
    expiresAt: Number(expiresAt),
    interval: Number(interval),
  }
}
