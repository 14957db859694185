// @ts-check
// A client and a resource server by oauth4webapi, with its documented options only. Given the issuer, assertions and the
// credentials of a resource server; a line of JSON for each step.
import { createInterface } from 'node:readline'
import * as oauth from 'oauth4webapi'

const { issuer, audience, assertions, server, serverJwk } = JSON.parse(process.argv[2] ?? '{}')
/** @param {unknown} value */
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
const told = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

// The test's broker is on loopback without TLS.
const insecure = { [oauth.allowInsecureRequests]: true }
const url = new URL(issuer)

const openid = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { ...insecure }))
const as = await oauth.processDiscoveryResponse(
  url,
  await oauth.discoveryRequest(url, { algorithm: 'oauth2', ...insecure }),
)
say({ step: 'discovery', issuer: as.issuer, openid: openid.issuer })

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const DEFERRED = 'urn:ietf:params:oauth:grant-type:deferred'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'

/** The library sends a client_id whether it means something or not. */
const client = { client_id: 'shop' }
/** An assertion that somebody else made: a documented way to authenticate is a function that sets the parameters.
 * @param {string} assertion @returns {oauth.ClientAuth} */
const byAssertion = (assertion) => (_as, _client, body) => {
  body.set('client_assertion', assertion)
  body.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
}

const exchanged = await oauth.processGenericTokenEndpointResponse(
  as,
  client,
  await oauth.genericTokenEndpointRequest(
    as,
    client,
    oauth.None(),
    TOKEN_EXCHANGE,
    { subject_token: assertions.exchange, subject_token_type: JWT, audience, scope: 'deploy:staging' },
    insecure,
  ),
)
say({ step: 'exchange', ...exchanged })

const machine = await oauth.processClientCredentialsResponse(
  as,
  client,
  await oauth.clientCredentialsGrantRequest(
    as,
    client,
    byAssertion(assertions.clientCredentials),
    { audience, scope: 'deploy:staging' },
    insecure,
  ),
)
say({ step: 'client_credentials', ...machine })

// Deferred: an error with the code in it, then polls.
/** @param {Promise<oauth.TokenEndpointResponse>} answer @returns {Promise<Record<string, unknown>>} */
const errorOf = (answer) =>
  answer.then(
    () => Promise.reject(new Error('it should have been refused')),
    (error) =>
      error instanceof oauth.ResponseBodyError ? { status: error.status, ...error.cause } : Promise.reject(error),
  )
const pending = await errorOf(
  oauth.processGenericTokenEndpointResponse(
    as,
    client,
    await oauth.genericTokenEndpointRequest(
      as,
      { client_id: assertions.clientId },
      byAssertion(assertions.deferred),
      TOKEN_EXCHANGE,
      {
        subject_token: assertions.deferred,
        subject_token_type: JWT,
        audience,
        scope: 'deploy:production',
        completion_mode: 'deferred',
        purpose: 'deploy shop 4.2',
      },
      insecure,
    ),
  ),
)
say({ step: 'pending', ...pending })
const { assertion: pollAssertion } = JSON.parse((await told.next()).value)
const redeemed = await oauth.processGenericTokenEndpointResponse(
  as,
  client,
  await oauth.genericTokenEndpointRequest(
    as,
    { client_id: assertions.clientId },
    byAssertion(pollAssertion),
    DEFERRED,
    { deferral_code: String(pending['deferral_code']) },
    insecure,
  ),
)
say({ step: 'redeemed', ...redeemed })

// As the resource server that received it: offline first.
const request = new Request(`${audience}/deployments`, {
  headers: { authorization: `Bearer ${exchanged.access_token}` },
})
say({ step: 'validated', ...(await oauth.validateJwtAccessToken(as, request, audience, insecure)) })
const elsewhere = await oauth.validateJwtAccessToken(as, request, 'https://other.example.com', insecure).then(
  () => 'accepted',
  (error) => error.code,
)
say({ step: 'validated elsewhere', code: elsewhere })

const basic = { client_id: server.id }
/** @param {string} token @param {oauth.Client} who @param {oauth.ClientAuth} auth */
const introspect = async (token, who, auth) =>
  oauth.processIntrospectionResponse(as, who, await oauth.introspectionRequest(as, who, auth, token, insecure))
say({
  step: 'introspected',
  ...(await introspect(exchanged.access_token, basic, oauth.ClientSecretBasic(server.secret))),
})
const key = await crypto.subtle.importKey('jwk', serverJwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
const keyed = { client_id: server.keyedId }
say({
  step: 'introspected with a key',
  ...(await introspect(exchanged.access_token, keyed, oauth.PrivateKeyJwt({ key, kid: serverJwk.kid }))),
})

await oauth.processRevocationResponse(
  await oauth.revocationRequest(as, client, oauth.None(), exchanged.access_token, insecure),
)
say({
  step: 'revoked',
  ...(await introspect(exchanged.access_token, basic, oauth.ClientSecretBasic(server.secret))),
})
process.exit(0)
