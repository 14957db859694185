import { hash, type KeyObject } from 'node:crypto'
import type { EpochSeconds } from '../runtime/clock.js'
import {
  bitString,
  encode,
  enumerated,
  explicit,
  generalizedTime,
  implicit,
  nothing,
  octetString,
  oid,
  raw,
  sequence,
  type DerValue,
} from './write-der.js'
import { extension } from './extension.js'
import { OIDS } from './oids.js'
import { requireAlgorithm, signBytes } from './signing.js'
import { keyBitsOf, spkiOf } from './spki.js'

/** What is answered about one certificate (RFC 6960 §2.2). */
export type CertStatus = 'good' | 'unknown' | { readonly revokedAt: EpochSeconds }

export interface SingleResponse {
  /** DER of the CertID that was asked for. */
  readonly certId: Buffer
  readonly status: CertStatus
}

export interface OcspContent {
  readonly responses: readonly SingleResponse[]
  readonly producedAt: EpochSeconds
  readonly nextUpdate: EpochSeconds
  /** That of the request, so that an older answer cannot be played back. */
  readonly nonce: Buffer | undefined
}

/** Answers that say nothing of a certificate, and are not signed (RFC 6960 §4.2.1). */
const ERRORS = { malformedRequest: 1, internalError: 2, tryLater: 3, unauthorized: 6 } as const

export type OcspError = keyof typeof ERRORS

export const ocspError = (error: OcspError): Buffer => encode(sequence(enumerated(ERRORS[error])))

/** Signed by the authority itself (RFC 6960 §2.2: "the CA who issued the certificate"), so no certificate goes along. */
export function ocspResponse(content: OcspContent, privateKey: KeyObject): Buffer {
  const { producedAt, nonce } = content
  const data = encode(
    sequence(
      // byKey, which is SHA-1 by definition (§4.2.1): a name for the key, nothing that is trusted.
      explicit(2, octetString(hash('sha1', keyBitsOf(spkiOf(privateKey)), 'buffer'))),
      generalizedTime(producedAt),
      sequence(...content.responses.map((response) => single(response, content))),
      ...(nonce === undefined ? [] : [explicit(1, sequence(extension(OIDS.ocspNonce, octetString(nonce))))]),
    ),
  )
  const { identifier } = requireAlgorithm(privateKey)
  const basic = encode(sequence(raw(data), raw(identifier), bitString(signBytes(privateKey, data))))
  return encode(sequence(enumerated(0), explicit(0, sequence(oid(OIDS.ocspBasic), octetString(basic)))))
}

const single = ({ certId, status }: SingleResponse, { producedAt, nextUpdate }: OcspContent): DerValue =>
  sequence(raw(certId), statusOf(status), generalizedTime(producedAt), explicit(0, generalizedTime(nextUpdate)))

function statusOf(status: CertStatus): DerValue {
  if (status === 'good') return implicit(0, nothing())
  if (status === 'unknown') return implicit(2, nothing())
  return implicit(1, sequence(generalizedTime(status.revokedAt)))
}
