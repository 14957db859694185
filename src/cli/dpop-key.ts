import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomUUID,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { SignJWT } from 'jose'
import type { Clock } from '../runtime/clock.js'
import { sha256Base64url } from '../runtime/digest.js'
import { isJson } from './wire.js'
import type { Api, ApiAnswer, ApiRequest } from './api.js'
import { CommandError } from './command-error.js'
import { EXIT } from './exit-codes.js'

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
  const pem = readPem(file) ?? makePem(file, note)
  let privateKey: KeyObject
  try {
    privateKey = createPrivateKey(pem)
  } catch {
    throw new CommandError(EXIT.usage, `${file} holds no private key`, 'PEM, without a password')
  }
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

function readPem(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new CommandError(EXIT.usage, `${file} cannot be read`)
  }
}

function makePem(file: string, note: (text: string) => void): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  try {
    writeFileSync(file, pem, { mode: 0o600, flag: 'wx' })
  } catch {
    throw new CommandError(EXIT.usage, `${file} cannot be made`)
  }
  note(`made the key ${file}: whoever has it can use what is bound to it`)
  return pem
}
