import type { KeyObject } from 'node:crypto'
import { ok, refuse, type Result } from '../runtime/result.js'
import { bitStringOf, integerOf, isContext, isUniversal, readDer, type DerNode } from './read-der.js'
import { publicKeyOf, type KeyRefusal } from './public-key.js'
import { isSignedBy, signatureAlgorithmOf } from './signature.js'

/**
 * What is taken from a request for a certificate (PKCS #10, RFC 2986): its key, and nothing else. Subject, alternative names
 * and every other attribute are what somebody would like to be called; what they are called was approved elsewhere.
 */
export interface CertificateRequest {
  /** Proved: the request is signed by its private half. */
  readonly publicKey: KeyObject
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer
  /** The bits of the key inside it: its identifier is their digest. */
  readonly keyBits: Buffer
}

/** `detail` is for whoever sent the request: nothing of the request is in it. */
export type CsrRefusal =
  | { readonly reason: 'csr_malformed'; readonly detail: string }
  | { readonly reason: 'csr_key_refused'; readonly detail: string; readonly key: KeyRefusal['reason'] }
  | { readonly reason: 'csr_signature_unsupported'; readonly detail: string }
  | { readonly reason: 'csr_signature_invalid'; readonly detail: string }

/** The largest that is accepted, RSA of 4096 bits with a dozen names, has a quarter of it. */
const MAX_CHARS = 16_384

/** @param text PEM (RFC 7468 §7) or base64url of the DER, without padding */
export function parseCsr(text: string): Result<CertificateRequest, CsrRefusal> {
  if (text.length > MAX_CHARS) return malformed('it is too large')
  const der = text.includes('-----') ? fromPem(text) : fromBase64url(text)
  if (!der.ok) return der
  const root = readDer(der.value)
  if (root === undefined) return malformed('it is not DER')
  const [info, algorithm, signature, ...rest] = root.children
  const bits = bitStringOf(signature)
  if (!isUniversal(root, 'sequence') || !isUniversal(info, 'sequence') || bits?.unusedBits !== 0 || rest.length > 0)
    return malformed('it is not a PKCS #10 request')
  const spki = keyInfoOf(info)
  if (spki === undefined) return malformed('it is not a PKCS #10 request of version 1')
  const key = publicKeyOf(spki)
  if (!key.ok) return refuse({ reason: 'csr_key_refused', detail: key.refusal.detail, key: key.refusal.reason })
  const scheme = signatureAlgorithmOf(algorithm)
  if (scheme === undefined || scheme.key !== key.value.asymmetricKeyType) {
    const detail = 'the signature of the request must fit its key: ECDSA or RSA with SHA-2, or Ed25519'
    return refuse({ reason: 'csr_signature_unsupported', detail })
  }
  if (!isSignedBy(key.value, scheme, info.bytes, bits.bytes))
    return refuse({ reason: 'csr_signature_invalid', detail: 'the request is not signed by its own key' })
  // A copy: what is kept of a request is not the whole of it.
  const kept = Buffer.from(spki.bytes)
  const keyBits = bitStringOf(spki.children[1])?.bytes ?? Buffer.alloc(0)
  return ok({ publicKey: key.value, spki: kept, keyBits: kept.subarray(kept.length - keyBits.length) })
}

const malformed = (detail: string): Result<never, CsrRefusal> =>
  refuse({ reason: 'csr_malformed', detail: `the csr is malformed: ${detail}` })

/** The second label is that of older tools (RFC 7468 §7). Text around the block is refused: what it says is not what is read. */
const PEM = /^\s*-----BEGIN ((?:NEW )?CERTIFICATE REQUEST)-----\s([A-Za-z0-9+/=\s]*)-----END \1-----\s*$/

function fromPem(text: string): Result<Buffer, CsrRefusal> {
  const body = PEM.exec(text)?.[2]?.replace(/\s+/g, '')
  if (body === undefined) return malformed('it is not one PEM block CERTIFICATE REQUEST')
  const bytes = Buffer.from(body, 'base64')
  return bytes.toString('base64') === body ? ok(bytes) : malformed('its base64 is not canonical')
}

function fromBase64url(text: string): Result<Buffer, CsrRefusal> {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? ok(bytes) : malformed('it is neither PEM nor canonical base64url')
}

/** The key in a CertificationRequestInfo (RFC 2986 §4.1). Some tools leave out attributes that are empty. */
function keyInfoOf(info: DerNode): DerNode | undefined {
  const [version, subject, spki, attributes, ...rest] = info.children
  const isRequest =
    integerOf(version) === 0n &&
    isUniversal(subject, 'sequence') &&
    (attributes === undefined || (isContext(attributes, 0) && attributes.constructed)) &&
    rest.length === 0
  return isRequest ? spki : undefined
}
