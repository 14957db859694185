import type { Grant } from '../grants/grant.js'
import type { Authority } from '../issuance/authority.js'
import { BACKDATING, issueCertificate, type CertificateNames } from '../issuance/certificate.js'
import { provenanceOf } from '../issuance/provenance.js'
import type { EpochSeconds } from '../runtime/clock.js'
import { sha256Hex } from '../runtime/digest.js'
import type { CredentialId, TaskId } from '../runtime/ids.js'
import type { Workload } from '../workloads/workload.js'
import type { CertificateRequest } from '../x509/csr.js'

/** A certificate to be: for the key of the request, by the authority that signs now. */
export interface Certifying {
  readonly request: CertificateRequest
  readonly authority: Authority
}

/** What is recorded of it before it is signed: by whom, for which key, under which names. The serial number is its id. */
export const evidenceOf = (
  { request, authority }: Certifying,
  { terms }: Grant,
): Readonly<Record<string, unknown>> => ({
  type: 'x509',
  authority: authority.id,
  public_key: `sha256:${sha256Hex(request.spki)}`,
  ...(terms.credential.names === undefined ? {} : { names: terms.credential.names }),
})

interface Certified {
  readonly grant: Grant
  readonly credentialId: CredentialId
  readonly taskId: TaskId
  readonly expiresAt: EpochSeconds
}

/** Of the request its key, and nothing else; the names are exactly those that people approved (contract §2). */
export function signCertificate(
  plan: { readonly workload: Workload; readonly handedOn?: { readonly sub: string }; readonly now: EpochSeconds },
  { grant, credentialId, taskId, expiresAt }: Certified,
  { request, authority }: Certifying,
): string {
  const { workload, handedOn, now } = plan
  const names = namesOf(grant)
  return issueCertificate({
    id: credentialId,
    request,
    spiffeId: handedOn?.sub ?? workload.spiffeId,
    ...(names === undefined ? {} : { names }),
    notBefore: Math.max(now - BACKDATING, authority.notBefore),
    notAfter: expiresAt,
    authority,
    provenance: provenanceOf(workload, { grantId: grant.terms.id, taskId }),
  })
}

function namesOf({ terms }: Grant): CertificateNames | undefined {
  const { names } = terms.credential
  if (names === undefined) return undefined
  return { ...(names.common_name === undefined ? {} : { commonName: names.common_name }), dns: names.dns }
}
