import { KEPT_AFTER_EXPIRY_SECONDS } from '../../grants/certificate-store.js'
import type { CredentialRecord } from '../../grants/issuance-store.js'
import type { EpochSeconds } from '../../runtime/clock.js'
import { type CredentialId, type GrantId, shardOf, type TaskId } from '../../runtime/ids.js'
import { forgetLater, place } from './forgetting.js'
import { idKey, numberKey, shardKey } from './keys.js'
import type { Tables } from './tables.js'

/** Indexes a certificate by its grant and task, and notes on all that it hangs from that their end takes it along. */
export function keepCertificate(
  tables: Tables,
  { id, grantId, taskId, ancestors, expiresAt }: CredentialRecord,
  { authority }: NonNullable<CredentialRecord['certificate']>,
): void {
  const key = idKey(grantId) + idKey(taskId) + idKey(id)
  tables.certificates.put(key, { authority, expiresAt, ancestors })
  for (const above of [grantId, taskId, id, ...ancestors].map(idKey))
    if (!tables.certified.has(above)) tables.certified.put(above, true)
  forgetLater(tables, expiresAt + KEPT_AFTER_EXPIRY_SECONDS, place(tables.certificates, key))
}

/** Appends to the feed the first of these that has certificates below it: whoever ends several names the widest first. */
export function tellEnd(
  { certified, certificateEnds, counters }: Tables,
  at: EpochSeconds,
  ...ended: readonly (GrantId | TaskId | CredentialId)[]
): void {
  const what = ended.find((id) => certified.has(idKey(id)))
  if (what === undefined) return
  const shard = shardKey(shardOf(what))
  const position = (counters.get(`ends${shard}`) ?? 0) + 1
  counters.put(`ends${shard}`, position)
  certificateEnds.put(shard + numberKey(position), { what, at })
}
