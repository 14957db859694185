import type { AttestationRules } from '../workloads/attestation.js'
import { parseCrlFile } from '../workloads/revocation-lists.js'
import type { WorkloadSource } from '../workloads/source.js'
import { parseCertificate, type ParsedCertificate } from '../x509/certificate.js'
import { OIDS } from '../x509/oids.js'
import { checkAnchor } from '../x509/path-validation.js'
import { fromPem } from '../x509/pem.js'
import type { WorkloadEntry } from './document.js'
import { readCertificates, type Desk } from './files.js'

/** What a source of attestations has that no other source has. */
export function settleAttestation(
  entry: WorkloadEntry,
  at: number,
  desk: Desk,
): Pick<WorkloadSource, 'attestation'> | undefined {
  const path = ['workloads', at]
  const { certificates } = entry
  if (entry.preset !== 'attestation') {
    if (certificates !== undefined)
      desk.report([...path, 'certificates'], 'is for attestations', 'take it out, or say preset: attestation')
    return undefined
  }
  for (const key of ['jwks_uri', 'ca_file', 'token_file'] as const)
    if (entry[key] !== undefined)
      desk.report([...path, key], 'is for keys that are fetched', 'take it out: the keys are in the certificates')
  if (entry.reuse !== undefined && entry.reuse !== 'once')
    desk.report([...path, 'reuse'], 'is not once', 'take it out: each attestation serves once')
  if (certificates === undefined) {
    const remedy = 'write certificates: { roots_file: …, subject: uri }'
    desk.report([...path, 'certificates'], 'is missing', remedy)
    return undefined
  }
  const within = [...path, 'certificates']
  const purpose = certificates.extended_key_usage
  const attestation: AttestationRules = {
    roots: readRoots(certificates.roots_file, [...within, 'roots_file'], desk),
    crlFiles: certificates.crl_files.map((file, position) => {
      checkCrlFile(file, [...within, 'crl_files', position], desk)
      return desk.resolve(file)
    }),
    purpose: { extendedKeyUsage: purpose ?? OIDS.clientAuth, stated: purpose !== undefined },
    subject: certificates.subject,
  }
  return { attestation }
}

function readRoots(file: string, at: readonly PropertyKey[], desk: Desk): readonly ParsedCertificate[] {
  const pem = readCertificates(desk, at, file) ?? ''
  return (fromPem('CERTIFICATE', pem) ?? []).flatMap((der, position) => {
    const certificate = parseCertificate(der)
    const fault = certificate.ok ? checkAnchor(certificate.value) : certificate.refusal
    if (certificate.ok && fault === undefined) return [certificate.value]
    const which = `certificate ${position + 1} cannot be a root: ${(fault ?? '').replaceAll('_', ' ')}`
    desk.report(at, which, 'keep only certificates of CAs with strong keys')
    return []
  })
}

function checkCrlFile(file: string, at: readonly PropertyKey[], desk: Desk): void {
  const bytes = desk.read(at, file)
  if (bytes === undefined) return
  const crls = parseCrlFile(bytes)
  if (!crls.ok) desk.report(at, `is no CRL: ${crls.refusal}`, 'a complete CRL with a nextUpdate, in DER or PEM')
}
