import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { CryptoKey, JWK, JWTHeaderParameters } from 'jose'
import { CompactSign, exportJWK, generateKeyPair } from 'jose'

/**
 * A real OpenID Connect issuer on loopback: discovery, a JWK Set, and tokens with whatever claims a test wants, signed by
 * jose. It can be made to fail in the ways that issuers do.
 */
export interface TestIssuer {
  readonly url: string
  /** `iss` is added; nothing else is. A member set to `undefined` is left out. */
  sign(claims: Readonly<Record<string, unknown>>, options?: SignOptions): Promise<string>
  /** Signs exactly this text as the payload, JSON or not. */
  signText(payload: string): Promise<string>
  /** A new key; the old ones are no longer published. */
  rotate(alg?: string): Promise<void>
  /** One more key beside those published; the newest of an algorithm signs. */
  addKey(alg: string): Promise<JWK>
  /** The set as it is published now. */
  readonly jwks: { keys: readonly Readonly<Record<string, unknown>>[] }
  /** Publishes exactly this, until the next rotation. */
  publish(document: unknown): void
  behave(how: Behaviour): void
  /** What was asked for so far. */
  readonly fetches: { discovery: number; jwks: number }
  /** `Authorization` of the last request. */
  readonly lastAuthorization: string | undefined
  stop(): Promise<void>
}

export type Behaviour =
  | { readonly kind: 'well'; readonly cacheControl?: string }
  /** Answers 503. */
  | { readonly kind: 'down' }
  /** Closes the connection without an answer. */
  | { readonly kind: 'hanging_up' }
  /** Accepts and never answers. */
  | { readonly kind: 'silent' }
  /** Sends the answer's head and then a byte now and again. */
  | { readonly kind: 'dripping' }
  | { readonly kind: 'redirecting'; readonly to: string }
  /** A body of so many bytes. */
  | { readonly kind: 'huge'; readonly bytes: number }
  /** Answers after so long. */
  | { readonly kind: 'late'; readonly ms: number }
  /** Discovery answers with this. */
  | { readonly kind: 'discovering'; readonly document: unknown }

export interface SignOptions {
  readonly alg?: string
  /** Over the protected header, `kid` included; `undefined` leaves one out. */
  readonly header?: Readonly<Record<string, unknown>>
  /** Another key than the issuer's. */
  readonly key?: CryptoKey
}

export interface IssuerOptions {
  /** Algorithms of the first keys; ES256 alone by default. */
  readonly algorithms?: readonly string[]
  readonly tls?: { readonly key: string; readonly cert: string }
  /** The path below the origin, for issuers that have one. */
  readonly path?: string
}

interface HeldKey {
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

export async function startIssuer(options: IssuerOptions = {}): Promise<TestIssuer> {
  let keys: HeldKey[] = []
  let published: unknown
  let behaviour: Behaviour = { kind: 'well' }
  let made = 0
  let lastAuthorization: string | undefined
  const fetches = { discovery: 0, jwks: 0 }
  const path = options.path ?? ''

  const makeKey = async (alg: string): Promise<HeldKey> => {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
    const jwk = { ...(await exportJWK(publicKey)), kid: `key-${++made}`, alg, use: 'sig' }
    return { alg, privateKey, jwk }
  }
  const jwks = () => ({ keys: keys.map((key) => key.jwk) })
  const answer: RequestListener = (request, response) => {
    lastAuthorization = request.headers.authorization
    const isDiscovery = request.url === `${path}/.well-known/openid-configuration`
    const isJwks = request.url === `${path}/jwks`
    if (!isDiscovery && !isJwks) {
      response.writeHead(404).end()
      return
    }
    fetches[isDiscovery ? 'discovery' : 'jwks']++
    const discovery = { issuer: url, jwks_uri: `${url}/jwks` }
    if (behaviour.kind === 'discovering' && isDiscovery) send(response, behaviour.document)
    else misbehave(behaviour, request, response, isDiscovery ? discovery : (published ?? jwks()))
  }
  const server = options.tls === undefined ? createServer(answer) : createTlsServer(options.tls, answer)
  const port = await listen(server)
  const url = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}${path}`
  for (const alg of options.algorithms ?? ['ES256']) keys.push(await makeKey(alg))

  return {
    url,
    fetches,
    sign: (claims, { alg = keys.at(-1)?.alg ?? 'ES256', header, key } = {}) => {
      const held = keys.findLast((candidate) => candidate.alg === alg)
      const signer = key ?? held?.privateKey
      if (signer === undefined) throw new Error(`the test issuer has no key for ${alg}`)
      const protectedHeader = { alg, typ: 'JWT', kid: held?.jwk.kid, ...header }
      return signCompact({ iss: url, ...claims }, protectedHeader as JWTHeaderParameters, signer)
    },
    signText: (payload) => {
      const held = keys.at(-1)
      if (held === undefined) throw new Error('the test issuer has no key')
      return signCompact(payload, { alg: held.alg, typ: 'JWT', kid: held.jwk.kid ?? '' }, held.privateKey)
    },
    rotate: async (alg = 'ES256') => {
      keys = [await makeKey(alg)]
      published = undefined
    },
    addKey: async (alg) => {
      const key = await makeKey(alg)
      keys.push(key)
      return key.jwk
    },
    get jwks() {
      return jwks()
    },
    publish: (document) => {
      published = document
    },
    behave: (how) => {
      behaviour = how
    },
    get lastAuthorization() {
      return lastAuthorization
    },
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A compact JWS over exactly this. */
export const signCompact = (claims: unknown, header: JWTHeaderParameters, key: CryptoKey): Promise<string> =>
  new CompactSign(new TextEncoder().encode(typeof claims === 'string' ? claims : JSON.stringify(claims)))
    .setProtectedHeader(header)
    .sign(key)

function misbehave(behaviour: Behaviour, request: IncomingMessage, response: ServerResponse, document: unknown): void {
  switch (behaviour.kind) {
    case 'down':
      response.writeHead(503).end()
      return
    case 'hanging_up':
      request.socket.destroy()
      return
    case 'silent':
      return
    case 'dripping': {
      response.writeHead(200, { 'content-type': 'application/json' })
      const drip = setInterval(() => response.write(' '), 20)
      response.on('close', () => {
        clearInterval(drip)
      })
      return
    }
    case 'redirecting':
      response.writeHead(302, { location: behaviour.to }).end()
      return
    case 'huge':
      response.writeHead(200, { 'content-type': 'application/json' }).end(Buffer.alloc(behaviour.bytes, ' '))
      return
    case 'late':
      setTimeout(() => {
        send(response, document)
      }, behaviour.ms)
      return
    case 'well':
      send(response, document, behaviour.cacheControl)
      return
    case 'discovering':
      send(response, document)
  }
}

const send = (response: ServerResponse, document: unknown, cacheControl?: string): void => {
  response
    .writeHead(200, {
      'content-type': 'application/json',
      ...(cacheControl === undefined ? {} : { 'cache-control': cacheControl }),
    })
    .end(typeof document === 'string' ? document : JSON.stringify(document))
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return (server.address() as AddressInfo).port
}
