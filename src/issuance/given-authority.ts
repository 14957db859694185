import { X509Certificate, type KeyObject } from 'node:crypto'
import type { EpochSeconds } from '../runtime/clock.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { parseCertificate, type ParsedCertificate } from '../x509/certificate.js'
import { keyOf } from '../x509/certificate-key.js'
import { isSameName } from '../x509/name.js'
import { fromPem } from '../x509/pem.js'
import { isSignedBy } from '../x509/signature.js'
import { signingAlgorithmOf } from '../x509/signing.js'
import type { NewAuthority, Origin } from './authority-book.js'
import { authorityIdOf, encodeKey } from './make-authority.js'
import { MAX_TOKEN_TTL } from './ring.js'

/** Why a certificate that somebody else signed cannot be our issuing authority. Texts for whoever gave it. */
export interface GivenRefusal {
  readonly reason: 'chain_unacceptable'
  readonly detail: string
}

/** A leaf, and what may stand above it. */
const MAX_CHAIN = 6

/**
 * An issuing authority below somebody else's root: PEM, its own certificate first, each one certified by the next.
 * Checked before anything is signed by it, since a chain that verifiers refuse is found out by everybody else first.
 */
export function givenAuthority(
  pem: string,
  privateKey: KeyObject,
  origin: Exclude<Origin, 'self_made'>,
  now: EpochSeconds,
): Result<NewAuthority, GivenRefusal> {
  const chain: ParsedCertificate[] = []
  for (const der of fromPem('CERTIFICATE', pem) ?? []) {
    const parsed = parseCertificate(der)
    if (!parsed.ok) return no(`certificate ${chain.length + 1} cannot be read: ${parsed.refusal}`)
    chain.push(parsed.value)
  }
  const [own, ...above] = chain
  if (own === undefined) return no('there is no certificate in it')
  if (chain.length > MAX_CHAIN) return no(`it has more than ${MAX_CHAIN} certificates`)
  // Nobody believes a path any longer than each certificate of it (RFC 5280 §6.1.3 (a) (2)).
  const notAfter = Math.min(...chain.map((certificate) => certificate.notAfter))
  const fault =
    ownFault(own, privateKey) ??
    endFault(notAfter, now) ??
    chain.map((_, at) => linkFault(chain, at, now)).find(isFault)
  if (fault !== undefined) return no(fault)
  return ok({
    id: authorityIdOf(own.der),
    origin,
    certificate: own.der.toString('base64'),
    above: above.map(({ der }) => der.toString('base64')),
    privateKey: encodeKey(privateKey),
    serial: own.serialNumber,
    notBefore: own.notBefore,
    notAfter,
  })
}

const no = (detail: string) => refuse({ reason: 'chain_unacceptable' as const, detail })
const isFault = (fault: string | undefined): fault is string => fault !== undefined

const endFault = (notAfter: EpochSeconds, now: EpochSeconds): string | undefined =>
  notAfter < now + 2 * MAX_TOKEN_TTL ? 'it, or a certificate above it, expires within two hours' : undefined

function ownFault(own: ParsedCertificate, privateKey: KeyObject): string | undefined {
  if (!new X509Certificate(own.der).checkPrivateKey(privateKey)) return 'the first certificate is not for this key'
  if (signingAlgorithmOf(privateKey) === undefined)
    return 'its key is none of EC P-256, EC P-384, Ed25519 and RSA of 2048 to 4096 bits'
  // A verifier refuses the CRL of an authority that may not sign one (RFC 5280 §6.3.3 (f)).
  if (own.keyUsage?.has('cRLSign') !== true) return 'its key usage has no cRLSign, and it signs CRLs'
  if (own.subjectKeyId === undefined) return 'it has no subject key identifier'
  if (own.subject.rdns.length === 0) return 'it has no name'
  return undefined
}

/** What is wrong with one certificate of the chain, and with the step to the one above it. */
function linkFault(chain: readonly ParsedCertificate[], at: number, now: EpochSeconds): string | undefined {
  const [certificate, above] = [chain[at], chain[at + 1]]
  const name = `certificate ${at + 1}`
  if (certificate?.basicConstraints?.ca !== true) return `${name} is not of a CA`
  if (certificate.keyUsage?.has('keyCertSign') !== true) return `the key usage of ${name} has no keyCertSign`
  if (certificate.notBefore > now || certificate.notAfter <= now) return `${name} is not valid now`
  const { pathLength = Infinity } = certificate.basicConstraints
  if (pathLength < at) return `the path length of ${name} lets nothing as deep as this be issued`
  const key = above && keyOf(above)
  if (above === undefined) return undefined
  const isCertified =
    key !== undefined &&
    certificate.algorithm !== undefined &&
    isSameName(certificate.issuer, above.subject) &&
    isSignedBy(key, certificate.algorithm, certificate.tbs, certificate.signature)
  return isCertified ? undefined : `${name} is not certified by the one after it`
}
