import { createPublicKey, randomUUID, type JsonWebKey, type KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import type { Clock } from '../runtime/clock.js'
import { sha256Base64url } from '../runtime/digest.js'
import { isJson } from './wire.js'
import type { Api, ApiAnswer, ApiRequest } from './api.js'
import { CommandError } from './command-error.js'
import { EXIT } from './exit-codes.js'
import { openPrivateKey } from './private-key.js'

/** A key of the workload's own, to which its credentials are bound (RFC 9449). */
export interface DpopKey {
  readonly alg: string
  readonly privateKey: KeyObject
  readonly publicJwk: JsonWebKey
}

/** What one proof is for. */
export interface Proven {
  readonly method: string
  readonly url: string
  /** The credential that goes with it. */
  readonly token?: string | undefined
  readonly nonce?: string | undefined
}

export function proofOf({ alg, privateKey, publicJwk }: DpopKey, proven: Proven, clock: Clock): Promise<string> {
  const { method, url, token, nonce } = proven
  const { origin, pathname } = new URL(url)
  const claims = {
    jti: randomUUID(),
    htm: method,
    htu: origin + pathname,
    iat: clock.now(),
    ...(token === undefined ? {} : { ath: sha256Base64url(token) }),
    ...(nonce === undefined ? {} : { nonce }),
  }
  return new SignJWT(claims).setProtectedHeader({ typ: 'dpop+jwt', alg, jwk: publicJwk }).sign(privateKey)
}

/**
 * An API to which each request proves the key. A request with a bearer token presents it as bound to that key. When the broker
 * wants a nonce the same request is sent once more, with it (RFC 9449 §8): nothing was spent by the first.
 */
export function provingApi(api: Api, key: DpopKey, clock: Clock): Api {
  let nonce: string | undefined
  const attempt = async (request: ApiRequest): Promise<ApiAnswer> => {
    const proven = { method: request.method, url: api.url + request.path, token: request.bearer, nonce }
    const answer = await api.send({ ...request, dpop: await proofOf(key, proven, clock) })
    nonce = answer.dpopNonce ?? nonce
    return answer
  }
  return {
    url: api.url,
    send: async (request) => {
      const answer = await attempt(request)
      return asksForNonce(answer) ? attempt(request) : answer
    },
  }
}

const asksForNonce = ({ body, challenge }: ApiAnswer): boolean =>
  (isJson(body) && body['error'] === 'use_dpop_nonce') || challenge?.includes('error="use_dpop_nonce"') === true

/** `--dpop-key FILE`: PEM of a private key. One that is not there is made, for its owner's eyes alone. */
export function openDpopKey(file: string, note: (text: string) => void): DpopKey {
  const privateKey = openPrivateKey(file, note)
  const alg = ALGORITHMS[privateKey.asymmetricKeyDetails?.namedCurve ?? privateKey.asymmetricKeyType ?? '']
  if (alg === undefined)
    throw new CommandError(EXIT.usage, `${file} holds a key of another kind`, 'EC on P-256 or P-384, Ed25519, or RSA')
  return { alg, privateKey, publicJwk: createPublicKey(privateKey).export({ format: 'jwk' }) }
}

/** By curve or type, as node:crypto names them. */
const ALGORITHMS: Readonly<Record<string, string | undefined>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  ed25519: 'EdDSA',
  rsa: 'PS256',
}
