// @ts-check
// The people's issuer: oidc-provider with its own sign-in pages. Given a port, the people by login, and the client that
// signs them in; says its URL when it listens, and ends with its standard input.
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

const { port, clientId, redirectUri, people } = JSON.parse(process.argv[2] ?? '{}')
const issuer = `http://127.0.0.1:${port}`
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

const provider = new Provider(issuer, {
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'people-key', alg: 'RS256', use: 'sig' }] },
  cookies: { keys: ['only for this test'] },
  clients: [
    {
      client_id: clientId,
      token_endpoint_auth_method: 'none',
      redirect_uris: [redirectUri],
      // The ID token says when they signed in (OpenID Connect Core §2).
      require_auth_time: true,
    },
  ],
  claims: { openid: ['sub', 'groups', 'ci_id'] },
  // Claims of a scope stand in the ID token too, not only at userinfo.
  conformIdTokenClaims: false,
  findAccount: (_context, login) =>
    Object.hasOwn(people, login) ? { accountId: login, claims: () => ({ sub: login, ...people[login] }) } : undefined,
})

const server = createServer(provider.callback())
server.listen(port, '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ issuer })}\n`))
process.stdin.resume().on('end', () => process.exit(0))
