/**
 * The signature algorithms of JWS that are ever believed (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864): public keys only, so
 * `none` and the HMACs cannot be configured. Each issuer's own list narrows this one.
 */
export interface Algorithm {
  readonly kty: 'EC' | 'RSA' | 'OKP'
  readonly crv?: string
  /** As `node:crypto` names it; `null` where the algorithm has its own. */
  readonly digest: string | null
  readonly pss?: { readonly saltLength: number }
  /** Octets, where it is fixed. */
  readonly signatureLength?: number
}

const ec = (crv: string, bits: number, signatureLength: number): Algorithm => ({
  kty: 'EC',
  crv,
  digest: `sha${bits}`,
  signatureLength,
})
const rsa = (bits: number): Algorithm => ({ kty: 'RSA', digest: `sha${bits}` })
// The salt is as long as the digest (RFC 7518 §3.5).
const pss = (bits: number): Algorithm => ({ kty: 'RSA', digest: `sha${bits}`, pss: { saltLength: bits / 8 } })
const ed25519: Algorithm = { kty: 'OKP', crv: 'Ed25519', digest: null, signatureLength: 64 }

export const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map([
  ['ES256', ec('P-256', 256, 64)],
  ['ES384', ec('P-384', 384, 96)],
  ['ES512', ec('P-521', 512, 132)],
  ['RS256', rsa(256)],
  ['RS384', rsa(384)],
  ['RS512', rsa(512)],
  ['PS256', pss(256)],
  ['PS384', pss(384)],
  ['PS512', pss(512)],
  ['EdDSA', ed25519],
  ['Ed25519', ed25519],
])
