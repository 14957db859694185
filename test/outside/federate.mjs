// @ts-check
// Relying parties that know an issuer and nothing else: each discovers it, fetches its keys and verifies tokens by what the
// two documents say. One by jose, one by oauth4webapi (RFC 9068), one by jsonwebtoken with jwks-rsa. The issuer's public
// address is reached at `origin`, as if by the proxy in front of it. Answers 'accepted' or the library's reason, by token.
import { createRemoteJWKSet, customFetch as joseFetch, jwtVerify } from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import { JwksClient } from 'jwks-rsa'
import * as oauth from 'oauth4webapi'

const { issuer, origin, audience, tokens } = JSON.parse(process.argv[2] ?? '{}')

/** @param {string | URL} url @param {any} [init] */
const reach = (url, init) => {
  const target = String(url)
  if (!target.startsWith(`${issuer}/`)) throw new Error(`nobody was told of ${target}`)
  return fetch(origin + target.slice(issuer.length), init)
}

/** @type {{ issuer: string, jwks_uri: string, id_token_signing_alg_values_supported: import('jsonwebtoken').Algorithm[] }} */
const configuration = JSON.parse(await (await reach(`${issuer}/.well-known/openid-configuration`)).text())
if (configuration.issuer !== issuer) throw new Error('the document is of another issuer')
const algorithms = configuration.id_token_signing_alg_values_supported

const keySet = createRemoteJWKSet(new URL(configuration.jwks_uri), { [joseFetch]: reach })
/** @param {string} token */
const byJose = (token) =>
  jwtVerify(token, keySet, { issuer, audience, algorithms, requiredClaims: ['exp', 'iat', 'sub'] }).then(
    () => 'accepted',
    (error) => error.code,
  )

const discovered = await oauth.processDiscoveryResponse(
  new URL(issuer),
  await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oidc', [oauth.customFetch]: reach }),
)
/** @param {string} token */
const byOauth4webapi = (token) => {
  const request = new Request('https://api.example.com/', { headers: { authorization: `Bearer ${token}` } })
  return oauth.validateJwtAccessToken(discovered, request, audience, { [oauth.customFetch]: reach }).then(
    () => 'accepted',
    (error) => error.code ?? error.message,
  )
}

const keys = new JwksClient({
  jwksUri: configuration.jwks_uri,
  fetcher: async (uri) => JSON.parse(await (await reach(uri)).text()),
})
/** @param {string} token */
const byJsonwebtoken = (token) =>
  new Promise((resolve) => {
    jsonwebtoken.verify(
      token,
      (header, done) => keys.getSigningKey(header.kid, (error, key) => done(error, key?.getPublicKey())),
      { issuer, audience, algorithms },
      (error) => resolve(error === null ? 'accepted' : error.message),
    )
  })

/** @type {Record<string, unknown>} */
const verdicts = {}
for (const [name, token] of Object.entries(tokens))
  verdicts[name] = {
    jose: await byJose(token),
    oauth4webapi: await byOauth4webapi(token),
    jsonwebtoken: await byJsonwebtoken(token),
  }
process.stdout.write(`${JSON.stringify(verdicts)}\n`)
