import type {
  CertificateEnd,
  CertificateEnded,
  CertificateStore,
  IndexedCertificate,
} from '../../grants/certificate-store.js'
import type { EpochSeconds } from '../../runtime/clock.js'
import { type CredentialId, parseCredentialId, parseGrantId, parseTaskId, type Shard } from '../../runtime/ids.js'
import type { Database } from './database.js'
import { beginningWith, hexAt, idKey, numberKey, numberOf, shardKey } from './keys.js'
import type { Tables } from './tables.js'

const ID_LENGTH = 17

export class EmbeddedCertificateStore implements CertificateStore {
  constructor(
    readonly database: Database,
    readonly tables: Tables,
  ) {}

  endsAfter(positions: readonly number[], limit: number): Promise<readonly CertificateEnd[]> {
    return this.database.look(() =>
      positions.flatMap((position, shard) => [...endsOf(this.tables, shard, position, limit)]),
    )
  }

  certificatesOf({ what, at }: CertificateEnd): Promise<readonly IndexedCertificate[]> {
    return this.database.look(() => {
      if ('grant' in what) return certificatesUnder(this.tables, idKey(what.grant), at)
      if ('credential' in what) return certificatesBelow(this.tables, what.credential, at)
      const task = this.tables.tasks.get(idKey(what.task))
      return task ? certificatesUnder(this.tables, idKey(task.grantId) + idKey(task.id), at) : []
    })
  }

  forgetEnds(shard: Shard, through: number): Promise<void> {
    return this.database.step(() => {
      const prefix = shardKey(shard)
      const { certificateEnds } = this.tables
      const gone = [...certificateEnds.scan({ start: prefix, end: prefix + numberKey(through + 1) })]
      for (const { key } of gone) certificateEnds.remove(key)
    })
  }
}

function* endsOf(
  { certificateEnds }: Tables,
  shard: Shard,
  after: number,
  limit: number,
): Generator<CertificateEnd, void> {
  const prefix = shardKey(shard)
  let found = 0
  for (const { key, value } of certificateEnds.scan({
    start: prefix + numberKey(after + 1),
    end: beginningWith(prefix).end,
  })) {
    if (found === limit) return
    found += 1
    yield { shard, position: numberOf(key, 1), at: value.at, what: endedIn(value.what) }
  }
}

function endedIn(id: string): CertificateEnded {
  const [grant, task, credential] = [parseGrantId(id), parseTaskId(id), parseCredentialId(id)]
  if (grant !== undefined) return { grant }
  if (task !== undefined) return { task }
  if (credential !== undefined) return { credential }
  throw new Error('an end is of an unknown kind')
}

/** `prefix`: a grant, or a grant and a task of it. */
function certificatesUnder({ certificates }: Tables, prefix: string, at: EpochSeconds): IndexedCertificate[] {
  return [...certificates.scan(beginningWith(prefix))]
    .filter(({ value }) => value.expiresAt > at)
    .map(({ key, value }) => ({ id: `cr_${hexAt(key, 2 * ID_LENGTH)}`, ...value }))
}

function certificatesBelow(tables: Tables, id: CredentialId, at: EpochSeconds): IndexedCertificate[] {
  const record = tables.credentials.get(idKey(id))?.record
  if (!record) return []
  const ofTask = certificatesUnder(tables, idKey(record.grantId) + idKey(record.taskId), at)
  return ofTask.filter((certificate) => certificate.id === id || certificate.ancestors.includes(id))
}
