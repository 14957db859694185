// @ts-check
// DPoP with nonces by oauth4webapi, with its documented options only: the retry is the one that its examples show. Given
// the issuer and assertions; a line of JSON for each step.
import { createInterface } from 'node:readline'
import * as oauth from 'oauth4webapi'

const { issuer, audience, assertions, server } = JSON.parse(process.argv[2] ?? '{}')
/** @param {unknown} value */
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
const told = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

// The test's broker is on loopback without TLS.
const insecure = { [oauth.allowInsecureRequests]: true }
const url = new URL(issuer)
const as = await oauth.processDiscoveryResponse(
  url,
  await oauth.discoveryRequest(url, { algorithm: 'oauth2', ...insecure }),
)
say({ step: 'discovery', algs: as.dpop_signing_alg_values_supported })

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const DEFERRED = 'urn:ietf:params:oauth:grant-type:deferred'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'
/** @type {oauth.Client} */
const client = { client_id: 'shop' }
/** @param {'ES256' | 'EdDSA' | 'PS256'} alg */
const newHandle = async (alg) => oauth.DPoP(client, await oauth.generateKeyPair(/** @type {never} */ (alg)))

let challenges = 0
/**
 * As the library's example does it: once more when a nonce was asked for.
 * @template T @param {() => Promise<T>} attempt @returns {Promise<T>}
 */
const withNonce = (attempt) =>
  attempt().catch((error) => {
    if (!oauth.isDPoPNonceError(error)) throw error
    challenges += 1
    return attempt()
  })

/** @param {oauth.DPoPHandle} DPoP @param {string} grantType @param {Record<string, string>} parameters */
const token = async (DPoP, grantType, parameters) =>
  oauth.processGenericTokenEndpointResponse(
    as,
    client,
    await oauth.genericTokenEndpointRequest(as, client, oauth.None(), grantType, parameters, { DPoP, ...insecure }),
  )

const DPoP = await newHandle('ES256')
const jkt = await DPoP.calculateThumbprint()
const subject = { subject_token_type: JWT, audience, scope: 'deploy:keyed' }
const exchanged = await withNonce(() => token(DPoP, TOKEN_EXCHANGE, { ...subject, subject_token: assertions.first }))
say({ step: 'exchange', jkt, challenges, ...exchanged })

const again = await withNonce(() => token(DPoP, TOKEN_EXCHANGE, { ...subject, subject_token: assertions.second }))
say({ step: 'exchange again', challenges, token_type: again.token_type, access_token: again.access_token })

const pending = await withNonce(() =>
  token(DPoP, TOKEN_EXCHANGE, {
    ...subject,
    subject_token: assertions.deferred,
    scope: 'deploy:production',
    completion_mode: 'deferred',
    purpose: 'deploy shop 4.2',
  }),
).then(
  () => Promise.reject(new Error('it should have been deferred')),
  (error) => (error instanceof oauth.ResponseBodyError ? error.cause : Promise.reject(error)),
)
say({ step: 'pending', ...pending })
await told.next()
const redeemed = await withNonce(() => token(DPoP, DEFERRED, { deferral_code: String(pending['deferral_code']) }))
say({ step: 'redeemed', ...redeemed })

// As a resource server: the credential with a proof for its own URL.
const resource = new URL(`${audience}/deployments`)
const key = await oauth.generateKeyPair('ES256')
const stranger = oauth.DPoP(client, key)
/** @param {oauth.DPoPHandle} handle @param {string} bearer */
const presented = async (handle, bearer) => {
  let request = new Request(resource)
  await oauth.protectedResourceRequest(bearer, 'GET', resource, undefined, null, {
    DPoP: handle,
    [oauth.customFetch]: async (target, options) => {
      request = new Request(target, { headers: options.headers })
      return new Response()
    },
  })
  return request
}
/** @param {oauth.DPoPHandle} handle */
const verdict = async (handle) =>
  oauth.validateJwtAccessToken(as, await presented(handle, exchanged.access_token), audience, insecure).then(
    (claims) => ({ verdict: 'accepted', cnf: claims.cnf }),
    (error) => ({ verdict: error.code ?? error.name }),
  )
say({ step: 'validated', own: await verdict(DPoP), stranger: await verdict(stranger) })
say({
  step: 'introspected',
  ...(await oauth.processIntrospectionResponse(
    as,
    { client_id: server.id },
    await oauth.introspectionRequest(
      as,
      { client_id: server.id },
      oauth.ClientSecretBasic(server.secret),
      exchanged.access_token,
      insecure,
    ),
  )),
})

// Presenting it to the broker: a challenge for a nonce in WWW-Authenticate, then the task completes.
const fresh = await oauth.generateKeyPair('ES256')
const other = oauth.DPoP(client, fresh)
const third = await withNonce(() => token(other, TOKEN_EXCHANGE, { ...subject, subject_token: assertions.third }))
const withoutNonce = oauth.DPoP(client, fresh)
challenges = 0
const completed = await withNonce(() =>
  oauth.protectedResourceRequest(
    third.access_token,
    'POST',
    new URL(`${issuer}/tasks/${String(third['task_id'])}/complete`),
    undefined,
    null,
    { DPoP: withoutNonce, ...insecure },
  ),
)
say({
  step: 'completed',
  challenges,
  status: completed.status,
  access_token: third.access_token,
  .../** @type {object} */ (await completed.json()),
})
process.exit(0)
