import type { KeyObject } from 'node:crypto'
import type { EpochSeconds } from '../runtime/clock.js'

/** Where relying parties find what an authority says of its certificates, as `pki.url` has it (plain http: RFC 5280 §8). */
export interface AuthorityUrls {
  /** The complete CRL of this authority. */
  readonly crl: string
  readonly ocsp: string
  /** The authority's own certificate. */
  readonly issuer: string
}

/** A certificate authority of ours that can sign: its certificate, its key, and what issuing needs of both. */
export interface Authority {
  /** 16 hex digits of the digest of its certificate: names its CRL, never decides anything. */
  readonly id: string
  /** DER. */
  readonly certificate: Buffer
  /** Its subject as DER: the issuer of what it signs, byte for byte (RFC 5280 §4.1.2.4). */
  readonly subject: Buffer
  readonly subjectKeyId: Buffer
  readonly privateKey: KeyObject
  readonly notBefore: EpochSeconds
  /** Nothing that it signs is valid for longer. */
  readonly notAfter: EpochSeconds
  /** PEM, the issuing certificate first, up to but without the root. */
  readonly chain: readonly string[]
  readonly urls: AuthorityUrls | undefined
}
