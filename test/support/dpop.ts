import { createHash, generateKeyPairSync, randomUUID, sign, type JsonWebKey, type KeyObject } from 'node:crypto'

/** A key of a client, and the proofs that it makes (RFC 9449 §4.2). Written apart from the code under test. */
export interface DpopKey {
  readonly jkt: string
  readonly jwk: JsonWebKey
  readonly privateKey: KeyObject
  /** What is given replaces what a proof has; `undefined` takes it out. */
  prove(claims: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>): string
}

export function newDpopKey(): DpopKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' })
  const thumbprint = JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y })
  return {
    jkt: createHash('sha256').update(thumbprint).digest('base64url'),
    jwk,
    privateKey,
    prove: (claims, header = {}) =>
      signProof(privateKey, { typ: 'dpop+jwt', alg: 'ES256', jwk, ...header }, { jti: randomUUID(), ...claims }),
  }
}

export function signProof(
  key: KeyObject,
  header: Readonly<Record<string, unknown>>,
  claims: Readonly<Record<string, unknown>>,
): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part(header)}.${part(claims)}`
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })
  return `${signed}.${signature.toString('base64url')}`
}

/** `ath` of a token (RFC 9449 §4.2). */
export const athOf = (token: string): string => createHash('sha256').update(token).digest('base64url')
