import { X509Certificate } from 'node:crypto'
import type { EpochSeconds } from '../../runtime/clock.js'
import { parseCertificate, type ParsedCertificate } from '../../x509/certificate.js'
import { parseCrl, type ParsedCrl } from '../../x509/crl.js'
import { OIDS } from '../../x509/oids.js'
import { validatePath } from '../../x509/path-validation.js'
import { fromPem } from '../../x509/pem.js'

/** `accepted`, or why not. */
export type CertificateVerdict = 'accepted' | 'revoked' | 'refused'

/** As a TLS server does with a client's certificate: by the broker's authorities and their CRLs, which anybody may fetch. */
export async function checkCertificate(issuer: string, chain: string, now: EpochSeconds): Promise<CertificateVerdict> {
  const [authorities, lists] = await Promise.all([fetchText(`${issuer}/ca`), fetchText(`${issuer}/crl`)])
  const rules = {
    anchors: rootsIn(authorities),
    crls: listsIn(lists),
    now,
    purpose: { extendedKeyUsage: OIDS.clientAuth, stated: true },
  }
  const validated = validatePath(fromPem('CERTIFICATE', chain) ?? [], rules)
  if (validated.ok) return 'accepted'
  return validated.refusal.reason === 'certificate_revoked' ? 'revoked' : 'refused'
}

async function fetchText(url: string): Promise<string> {
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(5000) })
  return response.ok ? response.text() : ''
}

function rootsIn(text: string): readonly ParsedCertificate[] {
  const certificates = fromPem('CERTIFICATE', text) ?? []
  return certificates.flatMap((der) => {
    const certificate = new X509Certificate(der)
    const parsed = parseCertificate(der)
    return certificate.checkIssued(certificate) && parsed.ok ? [parsed.value] : []
  })
}

const listsIn = (text: string): readonly ParsedCrl[] =>
  (fromPem('X509 CRL', text) ?? []).flatMap((der) => {
    const parsed = parseCrl(der)
    return parsed.ok ? [parsed.value] : []
  })
