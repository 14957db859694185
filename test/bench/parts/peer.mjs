// @ts-check
// (b) What another authorization server does for the nearest thing that it has: oidc-provider's token endpoint on
// client_credentials, with private_key_jwt (ES256, each assertion once) and ES256 JWT access tokens (RFC 9068), in memory.
// It has no policy and keeps no evidence. A process of its own; it tells its URL when it listens.
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

const [, , jwk = '{}', port = '0'] = process.argv
const issuer = `http://127.0.0.1:${port}`
const audience = 'https://deploy.example.com'
const scope = 'deploy:staging'
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

const provider = new Provider(issuer, {
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'peer-key', alg: 'ES256', use: 'sig' }] },
  scopes: [scope],
  clients: [
    {
      client_id: 'shop',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      id_token_signed_response_alg: 'ES256',
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks: { keys: [JSON.parse(jwk)] },
    },
  ],
  clientAuthMethods: ['private_key_jwt'],
  enabledJWA: { clientAuthSigningAlgValues: ['ES256'] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      getResourceServerInfo: () => ({
        scope,
        audience,
        accessTokenTTL: 900,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
})

const server = createServer(provider.callback())
server.listen(Number(port), '127.0.0.1', () => process.send?.('ready'))
