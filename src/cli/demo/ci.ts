import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { Clock } from '../../runtime/clock.js'
import { listenOnLoopback, stopListening } from './temporary.js'

/** The CI of the demo: an OpenID Connect issuer on loopback, which gives each job of a run a token that says so. */
export interface Ci {
  readonly url: string
  /** A fresh assertion of a job of this run: never the same twice. */
  assertionFor(run: string): Promise<Assertion>
  stop(): Promise<void>
}

export interface Assertion {
  readonly token: string
  readonly id: string
}

/** Who started the runs at the CI: not the person who approves. */
const STARTED_BY = 'dana'
const REPOSITORY = 'acme/shop'
const LIFETIME_SECONDS = 300

export async function startCi(audience: string, clock: Clock): Promise<Ci> {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const jwk = await exportJWK(publicKey)
  const kid = await calculateJwkThumbprint(jwk)
  const server = createServer((request, response) => {
    const document = documents.get(request.url ?? '')
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(document ?? {}))
  })
  const url = await listenOnLoopback(server)
  const documents = new Map<string, unknown>([
    ['/.well-known/openid-configuration', { issuer: url, jwks_uri: `${url}/jwks` }],
    ['/jwks', { keys: [{ ...jwk, kid, alg: 'ES256', use: 'sig' }] }],
  ])
  return {
    url,
    assertionFor: async (run) => {
      const now = clock.now()
      const id = randomUUID()
      const token = await new SignJWT({ run_id: run, repository: REPOSITORY, actor: STARTED_BY })
        .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid })
        .setIssuer(url)
        .setSubject(`repo:${REPOSITORY}`)
        .setAudience(audience)
        .setIssuedAt(now)
        .setExpirationTime(now + LIFETIME_SECONDS)
        .setJti(id)
        .sign(privateKey)
      return { token, id }
    },
    stop: () => stopListening(server),
  }
}
