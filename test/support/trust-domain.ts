import { sign as signBytes, type JsonWebKey } from 'node:crypto'
import { createPublicKey } from 'node:crypto'
import * as der from '../../src/x509/write-der.js'
import * as certs from './certificates.js'
import { certify, testKey, type CertificateShape, type Holder, type TestKey } from './certificates.js'

/** The authorities of a SPIFFE trust domain: a root, a CA below it, and a key for JWT-SVIDs. */
export interface TestTrustDomain {
  readonly name: string
  readonly id: string
  readonly root: Holder
  readonly issuing: Holder
  readonly bundle: { readonly keys: readonly Readonly<Record<string, unknown>>[]; readonly spiffe_sequence: number }
  /** A JWT-SVID; members of `claims` set to `undefined` are left out. */
  jwtSvid(claims: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>, key?: TestKey): string
  /** An X.509-SVID below the issuing CA. */
  x509Svid(path: string, shape?: CertificateShape, issuer?: Holder): Holder
}

/** `times`: for a server, which looks at the machine's clock. */
export function createTrustDomain(
  name: string,
  times: Pick<CertificateShape, 'notBefore' | 'notAfter'> = {},
): TestTrustDomain {
  const id = `spiffe://${name}`
  const root = certify({ ca: true, subject: certs.nameOf(`${name} root`), names: [certs.uri(id)], ...times })
  const issuing = certify({ ca: true, subject: certs.nameOf(`${name} CA`), names: [certs.uri(id)], ...times }, root)
  const key = testKey()
  return {
    name,
    id,
    root,
    issuing,
    bundle: {
      spiffe_sequence: 1,
      keys: [
        { ...jwkOf(key), use: 'jwt-svid', kid: 'k1' },
        { ...jwkOf(root.key), use: 'x509-svid', x5c: [root.der.toString('base64')] },
      ],
    },
    jwtSvid: (claims, header = {}, signer = key) => {
      const signed = `${part({ alg: 'ES256', kid: 'k1', typ: 'JWT', ...header })}.${part(claims)}`
      const input = { key: signer.privateKey, dsaEncoding: 'ieee-p1363' as const }
      return `${signed}.${signBytes('sha256', Buffer.from(signed), input).toString('base64url')}`
    },
    x509Svid: (path, shape = {}, issuer = issuing) =>
      certify({ subject: der.sequence(), names: [certs.uri(`${id}${path}`)], ...times, ...shape }, issuer),
  }
}

export const jwkOf = ({ spki }: TestKey): JsonWebKey =>
  createPublicKey({ key: spki, format: 'der', type: 'spki' }).export({ format: 'jwk' })

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
