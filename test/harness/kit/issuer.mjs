// @ts-check
// An OpenID Connect issuer on loopback, with one ES256 key; its tokens are signed synchronously, many at once.
import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'

/**
 * @typedef {object} Signer what another process needs to sign the same tokens
 * @property {string} kid
 * @property {string} pem
 */

/**
 * @typedef {object} Issuer
 * @property {string} url
 * @property {Signer} signer
 * @property {{ keys: object[] }} jwks
 * @property {(claims: object) => string} token with `iss` and a `jti`
 * @property {() => void} stop
 */

/** @returns {Promise<Issuer>} */
export async function startIssuer() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const kid = 'issuer-key'
  const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' }] }
  const server = createServer((request, response) => {
    const document = request.url === '/jwks' ? jwks : { issuer: url, jwks_uri: `${url}/jwks` }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const url = `http://127.0.0.1:${String(typeof address === 'object' ? address?.port : '')}`
  const signer = { kid, pem: String(privateKey.export({ format: 'pem', type: 'pkcs8' })) }
  const signed = signerOf(signer)
  return {
    url,
    signer,
    jwks,
    token: (claims) => signed({ iss: url, jti: randomBytes(12).toString('base64url'), ...claims }),
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/**
 * @param {Signer} signer
 * @returns {(claims: object) => string}
 */
export function signerOf({ kid, pem }) {
  const key = createPrivateKey(pem)
  const header = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'JWT', kid })).toString('base64url')
  return (claims) => {
    const text = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
    const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
    return `${text}.${signature.toString('base64url')}`
  }
}
