import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:http'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import type { Clock } from '../../runtime/clock.js'
import { expectSuccess, type Api, type ApiAnswer } from '../api.js'
import { createApi } from '../api.js'
import { isJson, type Json } from '../wire.js'
import { checkCertificate, type CertificateVerdict } from './certificate-check.js'
import { AUDIENCE, RESOURCE_SERVER_ID, SCOPE } from './config.js'
import { listenOnLoopback, stopListening } from './temporary.js'

/**
 * The service that the credential is for. It knows of the broker its issuer, its public keys, and a secret of its own for
 * asking whether a credential is live. To look at the status of a deployment an offline check is enough for it; before it
 * deploys it asks. Of certificates it knows the broker's authorities and their revocation lists.
 */
export interface ResourceServer {
  status(token: string): Promise<ApiAnswer>
  deploy(token: string): Promise<ApiAnswer>
  /** What its TLS would say of a client with this certificate. */
  connect(chain: string): Promise<CertificateVerdict>
  stop(): Promise<void>
}

export async function startResourceServer(issuer: string, secret: string, clock: Clock): Promise<ResourceServer> {
  const broker = createApi(issuer)
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`))
  const isGenuine = (token: string): Promise<boolean> =>
    jwtVerify(token, keys, { issuer, audience: AUDIENCE, typ: 'at+jwt', algorithms: ['ES256'] }).then(
      ({ payload }) => payload['scope'] === SCOPE,
      () => false,
    )
  const server = createServer((request, response) => {
    const token = bearerOf(request)
    const answering =
      request.url === '/deploy' ? checkOnline(broker, secret, token, isGenuine) : checkOffline(token, isGenuine)
    answering.then(
      (body) => response.writeHead(body['accepted'] === true ? 200 : 401, JSON_TYPE).end(JSON.stringify(body)),
      () => response.writeHead(500, JSON_TYPE).end('{}'),
    )
  })
  const api = createApi(await listenOnLoopback(server))
  return {
    status: (token) => api.send({ method: 'GET', path: '/status', bearer: token }),
    deploy: (token) => api.send({ method: 'POST', path: '/deploy', bearer: token }),
    connect: (chain) => checkCertificate(issuer, chain, clock.now()),
    stop: () => stopListening(server),
  }
}

const JSON_TYPE = { 'content-type': 'application/json' }

type IsGenuine = (token: string) => Promise<boolean>

/** By signature, issuer, audience, type, time and scope: as long as it has not expired, whatever happened since. */
const checkOffline = async (token: string, isGenuine: IsGenuine): Promise<Json> => ({
  accepted: await isGenuine(token),
})

async function checkOnline(broker: Api, secret: string, token: string, isGenuine: IsGenuine): Promise<Json> {
  const genuine = await isGenuine(token)
  const introspection = await introspect(broker, secret, token)
  return { accepted: genuine && introspection['active'] === true, genuine, introspection }
}

/** RFC 7662. The answer of a closed door is no. */
async function introspect(broker: Api, secret: string, token: string): Promise<Json> {
  const basic = Buffer.from(`${RESOURCE_SERVER_ID}:${encodeURIComponent(secret)}`).toString('base64')
  const body = await expectSuccess(broker.send({ method: 'POST', path: '/introspect', basic, form: { token } }))
  return isJson(body) ? body : { active: false }
}

const bearerOf = ({ headers }: IncomingMessage): string => /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1] ?? ''
