import type { Act } from '../issuance/jwt.js'
import type { TextMac } from '../issuance/mac.js'
import { Fault } from '../runtime/fault.js'
import type { CredentialId, GrantId, TaskId } from '../runtime/ids.js'
import type { Access } from './grant.js'
import type { CredentialRecord } from './issuance-store.js'

/**
 * What a certificate is for. A JWT says it in its own signed claims; a certificate cannot, so it stands beside its
 * record, under a MAC that binds it to this certificate, its grant and its task (invariant 8).
 */
export interface CertificateFacts {
  /** The workload that people approved: the URI SAN. */
  readonly sub: string
  /** The workload that acts. */
  readonly clientId: string
  /** When it was handed on: by whom. */
  readonly act?: Act
  readonly access: Access
  /**
   * SHA-256 of the SubjectPublicKeyInfo, base64url: another certificate
   * with this serial number is not the one that was issued.
   */
  readonly key: string
}

interface Subject {
  readonly id: CredentialId
  readonly grantId: GrantId
  readonly taskId: TaskId
}

/** As it stands in the document of the credential. */
export interface SealedFacts {
  readonly text: string
  readonly mac: string
}

export function sealFacts(facts: CertificateFacts, subject: Subject, mac: TextMac): SealedFacts {
  const text = JSON.stringify(facts)
  return { text, mac: mac.make(boundText(text, subject)) }
}

/** @throws Fault `record_tampered` for facts that we did not write for this certificate */
export function openFacts(sealed: SealedFacts | undefined, record: CredentialRecord, mac: TextMac): CertificateFacts {
  if (sealed === undefined || !mac.check(boundText(sealed.text, record), sealed.mac))
    throw new Fault('record_tampered', `the record of certificate ${record.id} was not written by this broker`)
  return JSON.parse(sealed.text) as CertificateFacts
}

const boundText = (text: string, { id, grantId, taskId }: Subject): string =>
  JSON.stringify(['errand certificate', id, grantId, taskId, text])
