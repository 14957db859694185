import { X509Certificate } from 'node:crypto'
import { ok, refuse, type Result } from '../runtime/result.js'

/*
 * `Client-Cert` and `Client-Cert-Chain` (RFC 9440): how a proxy that terminates TLS tells which certificate the client has
 * shown. Read more strictly than structured fields allow (RFC 8941 §3.3.5): no parameters, canonical base64 only, nothing
 * behind a certificate's end. One proxy writes one notation, and whoever writes another is none that we believe.
 */
const MAX_CERTIFICATE_BYTES = 8 * 1024
const MAX_CHAIN = 8
/** sf-binary */
const BYTES = /^:([A-Za-z0-9+/]+={0,2}):$/

/** The chain, leaf first; `undefined` without the header; the refusal says what is wrong, for the caller. */
export function parseClientCertHeaders(
  clientCert: string | undefined,
  clientCertChain: string | undefined,
): Result<readonly [Buffer, ...Buffer[]] | undefined, string> {
  // RFC 9440 §2.3: never alone.
  if (clientCert === undefined)
    return clientCertChain === undefined ? ok(undefined) : refuse('Client-Cert-Chain without Client-Cert')
  const leaf = parseCertificate(clientCert.trim())
  if (leaf === undefined) return refuse('Client-Cert is not one certificate')
  const issuers: Buffer[] = []
  for (const member of clientCertChain?.split(',') ?? []) {
    const issuer = issuers.length < MAX_CHAIN ? parseCertificate(member.trim()) : undefined
    if (issuer === undefined) return refuse('Client-Cert-Chain is not a list of certificates')
    issuers.push(issuer)
  }
  return ok([leaf, ...issuers])
}

function parseCertificate(item: string): Buffer | undefined {
  const text = BYTES.exec(item)?.[1]
  if (text === undefined || text.length > (MAX_CERTIFICATE_BYTES * 4) / 3) return undefined
  const der = Buffer.from(text, 'base64')
  return der.toString('base64') === text && isCertificate(der) ? der : undefined
}

function isCertificate(der: Buffer): boolean {
  try {
    return new X509Certificate(der).raw.equals(der)
  } catch {
    return false
  }
}
