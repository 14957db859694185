// @ts-check
// Two resource servers that check tokens offline: one by jose, one by jsonwebtoken with jwks-rsa. Given tokens by name;
// answers, for each token and library, 'accepted' or the library's reason.
import { createRemoteJWKSet, jwtVerify } from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import { JwksClient } from 'jwks-rsa'

const { issuer, jwksUri, audience, tokens, at } = JSON.parse(process.argv[2] ?? '{}')

const keySet = createRemoteJWKSet(new URL(jwksUri))
/** @param {string} token @param {number} [when] */
const byJose = (token, when) =>
  jwtVerify(token, keySet, {
    issuer,
    audience,
    typ: 'at+jwt',
    algorithms: ['ES256'],
    requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id'],
    ...(when !== undefined && { currentDate: new Date(when * 1000) }),
  }).then(
    ({ payload, protectedHeader }) => ({ verdict: 'accepted', payload, header: protectedHeader }),
    (error) => ({ verdict: error.code }),
  )

const keys = new JwksClient({ jwksUri })
/** @param {string} token @param {number} [when] */
const byJsonwebtoken = (token, when) =>
  new Promise((resolve) => {
    jsonwebtoken.verify(
      token,
      (header, done) => keys.getSigningKey(header.kid, (error, key) => done(error, key?.getPublicKey())),
      { issuer, audience, algorithms: ['ES256'], complete: true, ...(when !== undefined && { clockTimestamp: when }) },
      (error, decoded) => {
        if (error || !decoded) resolve({ verdict: error?.message })
        // It does not look at the type by itself (RFC 9068 §4).
        else if (decoded.header.typ !== 'at+jwt') resolve({ verdict: 'another type' })
        else resolve({ verdict: 'accepted', payload: decoded.payload, header: decoded.header })
      },
    )
  })

/** @type {Record<string, unknown>} */
const verdicts = {}
for (const [name, token] of Object.entries(tokens))
  verdicts[name] = { jose: await byJose(token, at[name]), jsonwebtoken: await byJsonwebtoken(token, at[name]) }
process.stdout.write(`${JSON.stringify(verdicts)}\n`)
