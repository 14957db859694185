import type { Answer, TestBroker } from './broker.js'
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

type Form = Readonly<Record<string, string>>
type Claims = Readonly<Record<string, unknown>>

/** The requests of a client that proves a key: it asks for a nonce when it has none, and keeps the one that it was given last. */
export interface DpopClient extends DpopKey {
  /** Headers of a request below the issuer, with a fresh proof; claims that are given replace those that it would have. */
  headers(method: string, path: string, claims?: Claims): Promise<{ readonly DPoP: string }>
  post(path: string, form: Form, claims?: Claims): Promise<Answer>
  /** With a credential, by the scheme DPoP. */
  call(method: string, path: string, token: string, body?: unknown, claims?: Claims): Promise<Answer>
  nonce(): Promise<string>
}

export function dpopClient(broker: TestBroker, now: () => number, key: DpopKey = newDpopKey()): DpopClient {
  let nonce: string | undefined
  const remember = (answer: Answer): Answer => {
    nonce = answer.headers.get('dpop-nonce') ?? nonce
    return answer
  }
  const claimsFor = (method: string, path: string, claims: Claims): Claims => ({
    htm: method,
    htu: `${broker.url}${path}`,
    iat: now(),
    nonce,
    ...claims,
  })
  const client: DpopClient = {
    ...key,
    async nonce() {
      const first = key.prove({ htm: 'POST', htu: `${broker.url}/token`, iat: now() })
      const form = { grant_type: 'urn:ietf:params:oauth:grant-type:deferred', deferral_code: `dc_${'A'.repeat(43)}` }
      remember(await broker.post('/token', form, { DPoP: first }))
      if (nonce === undefined) throw new Error('no nonce was given')
      return nonce
    },
    async headers(method, path, claims = {}) {
      if (nonce === undefined) await client.nonce()
      return { DPoP: key.prove(claimsFor(method, path, claims)) }
    },
    async post(path, form, claims = {}) {
      return remember(await broker.post(path, form, await client.headers('POST', path, claims)))
    },
    async call(method, path, token, body, claims = {}) {
      const proof = await client.headers(method, path, { ath: athOf(token), ...claims })
      const headers = { ...proof, Authorization: `DPoP ${token}`, 'Content-Type': 'application/json' }
      const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
      return remember(await broker.fetch(path, init))
    },
  }
  return client
}
