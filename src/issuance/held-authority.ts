import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto'
import { Fault } from '../runtime/fault.js'
import { parseCertificate, type ParsedCertificate } from '../x509/certificate.js'
import { toPem } from '../x509/pem.js'
import type { AuthorityEntry, Book, RevokedAuthority, RootEntry } from './authority-book.js'
import type { Authority } from './authority.js'
import { decodeKey } from './make-authority.js'

/** What signs lists and answers: an authority of ours, issuing or root. */
export type ListSigner = Pick<
  Authority,
  'id' | 'certificate' | 'subject' | 'subjectKeyId' | 'privateKey' | 'notBefore' | 'notAfter'
>

/** A root of ours. It signs issuing authorities, and says which of them it takes back. */
export interface RootAuthority extends ListSigner {
  readonly revoked: readonly RevokedAuthority[]
  /** Serial numbers of the authorities below it, hex. */
  readonly issued: readonly string[]
}

/** An authority of the book, ready to sign: its KeyObject made once. */
export function authorityOf(entry: AuthorityEntry, pkiUrl: string | undefined): Authority {
  const { id, notBefore, notAfter } = entry
  const certificates = [entry.certificate, ...entry.above].map((text) => Buffer.from(text, 'base64'))
  return {
    ...signerOf(entry),
    notBefore,
    notAfter,
    chain: certificates.filter((der, at) => at === 0 || !isSelfIssued(der)).map((der) => toPem('CERTIFICATE', der)),
    urls:
      pkiUrl === undefined
        ? undefined
        : { crl: `${pkiUrl}/crl/${id}`, ocsp: `${pkiUrl}/ocsp`, issuer: `${pkiUrl}/ca/${id}` },
  }
}

export const rootOf = (entry: RootEntry, { authorities }: Book): RootAuthority => ({
  ...signerOf(entry),
  revoked: entry.revoked,
  issued: authorities.filter(({ above }) => above.includes(entry.certificate)).map(({ serial }) => serial),
})

/** @throws Fault `record_tampered` when the key is not that of the certificate */
function signerOf(entry: {
  readonly id: string
  readonly certificate: string
  readonly privateKey: string
}): ListSigner {
  const certificate = Buffer.from(entry.certificate, 'base64')
  const parsed = parsedOf(certificate)
  const privateKey = keyFor(certificate, entry.privateKey)
  const { subjectKeyId } = parsed
  if (subjectKeyId === undefined) throw unusable()
  const { notBefore, notAfter } = parsed
  return { id: entry.id, certificate, subject: parsed.subject.der, subjectKeyId, privateKey, notBefore, notAfter }
}

function parsedOf(certificate: Buffer): ParsedCertificate {
  const parsed = parseCertificate(certificate)
  if (!parsed.ok) throw unusable()
  return parsed.value
}

function keyFor(certificate: Buffer, text: string): KeyObject {
  const key = decodeKey(text)
  if (!new X509Certificate(certificate).publicKey.equals(createPublicKey(key))) throw unusable()
  return key
}

const unusable = (): Fault => new Fault('record_tampered', 'an authority in the store is not what Errand writes')

/** A root: it names itself as its issuer (RFC 5280 §3.2). */
function isSelfIssued(der: Buffer): boolean {
  const { subject, issuer } = parsedOf(der)
  return subject.der.equals(issuer.der)
}
