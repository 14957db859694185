// @ts-check
// The same by openid-client, with its documented options only. A line of JSON for each step.
import { createInterface } from 'node:readline'
import * as client from 'openid-client'

const { issuer, audience, assertions, server, serverJwk } = JSON.parse(process.argv[2] ?? '{}')
/** @param {unknown} value */
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
const told = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

/** @param {string} id @param {client.ClientAuth} auth @param {'oauth2' | 'oidc'} [algorithm] */
const discover = (id, auth, algorithm = 'oauth2') =>
  // The test's broker is on loopback without TLS.
  client.discovery(new URL(issuer), id, undefined, auth, { algorithm, execute: [client.allowInsecureRequests] })

/** @param {string} assertion @returns {client.ClientAuth} */
const byAssertion = (assertion) => (_as, _client, body) => {
  body.set('client_assertion', assertion)
  body.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
}
const JWT = 'urn:ietf:params:oauth:token-type:jwt'

const shop = await discover('shop', client.None())
const openid = await discover('shop', client.None(), 'oidc')
say({ step: 'discovery', issuer: shop.serverMetadata().issuer, openid: openid.serverMetadata().issuer })

const exchanged = await client.genericGrantRequest(shop, 'urn:ietf:params:oauth:grant-type:token-exchange', {
  subject_token: assertions.exchange,
  subject_token_type: JWT,
  resource: audience,
  scope: 'deploy:staging',
})
say({ step: 'exchange', ...exchanged })

const machine = await discover(assertions.clientId, byAssertion(assertions.clientCredentials))
say({
  step: 'client_credentials',
  ...(await client.clientCredentialsGrant(machine, { resource: audience, scope: 'deploy:staging' })),
})

const waiting = await discover(assertions.clientId, byAssertion(assertions.deferred))
const pending = await client
  .genericGrantRequest(waiting, 'urn:ietf:params:oauth:grant-type:token-exchange', {
    subject_token: assertions.deferred,
    subject_token_type: JWT,
    audience,
    scope: 'deploy:production',
    completion_mode: 'deferred',
    purpose: 'deploy shop 4.3',
  })
  .then(
    () => Promise.reject(new Error('it should have been told to wait')),
    (error) => (error instanceof client.ResponseBodyError ? error.cause : Promise.reject(error)),
  )
say({ step: 'pending', ...pending })
const { assertion } = JSON.parse((await told.next()).value)
const polling = await discover(assertions.clientId, byAssertion(assertion))
const redeemed = await client.genericGrantRequest(polling, 'urn:ietf:params:oauth:grant-type:deferred', {
  deferral_code: String(pending['deferral_code']),
})
say({ step: 'redeemed', ...redeemed })

const basic = await discover(server.id, client.ClientSecretBasic(server.secret))
say({ step: 'introspected', ...(await client.tokenIntrospection(basic, redeemed.access_token)) })
const key = await crypto.subtle.importKey('jwk', serverJwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
const keyed = await discover(server.keyedId, client.PrivateKeyJwt({ key, kid: serverJwk.kid }))
say({ step: 'introspected with a key', ...(await client.tokenIntrospection(keyed, redeemed.access_token)) })

await client.tokenRevocation(shop, redeemed.access_token)
say({ step: 'revoked', ...(await client.tokenIntrospection(basic, redeemed.access_token)) })
process.exit(0)
