import type { TextMac } from '../issuance/mac.js'
import { Fault } from '../runtime/fault.js'
import { parseCredentialDocument, type CredentialDocument } from './documents.js'
import type { CredentialRecord } from './issuance-store.js'

type Unsealed = Omit<CredentialDocument, 'mac'>
type Bound = Pick<CredentialRecord, 'id' | 'grantId' | 'taskId' | 'ancestors' | 'expiresAt'>

/**
 * Who holds a credential, which run it came from and what it was handed on from decide whether it may be handed on,
 * and no signed document says them. So they stand under a MAC that binds them to its record (invariant 8). What
 * changes about the record, whether it has ended, is not under it.
 */
export const sealCredential = (document: Unsealed, record: Bound, mac: TextMac): CredentialDocument => ({
  ...document,
  mac: mac.make(boundText(document, record)),
})

/** @throws Fault `record_tampered` for a record that we did not write */
export function openCredential(record: CredentialRecord, mac: TextMac): CredentialDocument {
  const document = parseCredentialDocument(record.document)
  if (!mac.check(boundText(document, record), document.mac ?? ''))
    throw new Fault('record_tampered', `the record of credential ${record.id} was not written by this broker`)
  return document
}

const boundText = (
  { workload, audience, holder, where }: Unsealed,
  { id, grantId, taskId, ancestors, expiresAt }: Bound,
): string =>
  JSON.stringify([
    'errand credential',
    ...[id, grantId, taskId, ancestors, expiresAt, workload, audience, holder],
    where === undefined ? null : [where.shard, where.anchor, where.run, where.errand],
  ])
