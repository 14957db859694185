import type {
  CertificateEnd,
  CertificateEnded,
  CertificateStore,
  IndexedCertificate,
} from '../../grants/certificate-store.js'
import { shardOf, type CredentialId, type GrantId, type Shard, type TaskId } from '../../runtime/ids.js'
import { ofEachShard, type Commands, type Reply } from './commands.js'
import { storeUnavailable } from './faults.js'
import {
  certificatesKey,
  certifiedTasksKey,
  credentialIdIn,
  credentialKey,
  endsKey,
  grantIdIn,
  taskIdIn,
} from './keys.js'
import { bytesOf, listOf, numberOf, pairsOf, textOf } from './replies.js'
import { parseCertificateMember, parseCredentialRow } from './rows.js'

/** So many tasks of a grant are asked for at a time: other requests are served between. */
const BATCH = 100

export const redisCertificateStore = (commands: Commands): CertificateStore => ({
  async endsAfter(positions, limit) {
    const shards = await ofEachShard(async (shard) => {
      const after = `(0-${positions[shard] ?? 0}`
      const reply = await commands.single('xrange', [endsKey(shard), after, '+', 'COUNT', limit])
      return listOf(reply).map((entry) => endOf(shard, entry))
    })
    return shards.flat()
  },

  async certificatesOf({ what, at }) {
    if ('grant' in what) return certificatesOfGrant(commands, what.grant, at)
    if ('task' in what) return certificatesOfTask(commands, what.task, at)
    return certificatesBelow(commands, what.credential, at)
  },

  async forgetEnds(shard, through) {
    await commands.single('xtrim', [endsKey(shard), 'MINID', `0-${through + 1}`])
  },
})

/** `<g, t or c><short id> <at>` */
function endOf(shard: Shard, entry: Reply): CertificateEnd {
  const [id, fields] = listOf(entry)
  const text = textOf(listOf(fields)[1])
  const [what = '', at] = text.split(' ')
  const position = Number(textOf(id).slice('0-'.length))
  return { shard, position, at: Number(at), what: endedIn(shard, what.charAt(0), what.slice(1)) }
}

function endedIn(shard: Shard, letter: string, short: string): CertificateEnded {
  switch (letter) {
    case 'g':
      return { grant: grantIdIn(shard, short) }
    case 't':
      return { task: taskIdIn(shard, short) }
    case 'c':
      return { credential: credentialIdIn(shard, short) }
    default:
      throw storeUnavailable('an end in Redis is of an unknown kind')
  }
}

/** Members that have not expired by the time given, with the time when they do. */
async function membersAfter(commands: Commands, key: string, at: number): Promise<(readonly [string, number])[]> {
  const reply = await commands.single('zrange', [key, `(${at}`, '+inf', 'BYSCORE', 'WITHSCORES'])
  return pairsOf(listOf(reply)).map(([member, expires]) => [textOf(member), numberOf(expires)] as const)
}

async function certificatesOfTask(commands: Commands, id: TaskId, at: number): Promise<readonly IndexedCertificate[]> {
  const members = await membersAfter(commands, certificatesKey(id), at)
  return members.map(([member, expires]) => parseCertificateMember(shardOf(id), member, expires))
}

async function certificatesOfGrant(
  commands: Commands,
  id: GrantId,
  at: number,
): Promise<readonly IndexedCertificate[]> {
  const tasks = await membersAfter(commands, certifiedTasksKey(id), at)
  const found: IndexedCertificate[] = []
  for (let from = 0; from < tasks.length; from += BATCH) {
    const batch = tasks.slice(from, from + BATCH).map(([short]) => taskIdIn(shardOf(id), short))
    for (const some of await Promise.all(batch.map((task) => certificatesOfTask(commands, task, at))))
      found.push(...some)
  }
  return found
}

async function certificatesBelow(
  commands: Commands,
  id: CredentialId,
  at: number,
): Promise<readonly IndexedCertificate[]> {
  const row = await commands.single('get', [credentialKey(id)])
  if (row === null) return []
  const { taskId } = parseCredentialRow(id, bytesOf(row)).credential
  const ofTask = await certificatesOfTask(commands, taskId, at)
  return ofTask.filter((certificate) => certificate.id === id || certificate.ancestors.includes(id))
}
