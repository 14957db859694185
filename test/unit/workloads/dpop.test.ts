import { createSecretKey, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto'
import { beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { calculateJwkThumbprint, SignJWT } from 'jose'
import { createDpopVerifier, DPOP_ALGORITHMS, thumbprintOf, type ProvedRequest } from '../../../src/workloads/dpop.js'
import { createDpopNonces, type DpopNonces } from '../../../src/workloads/dpop-nonce.js'
import { TEST_EPOCH, turnableClock, type TurnableClock } from '../../support/clock.js'
import { athOf, newDpopKey, signProof } from '../../support/dpop.js'

const ORIGINS = ['https://errand.example.com', 'https://mtls.example.com:8444']
const URL = 'https://errand.example.com/token'
const REQUEST: ProvedRequest = { method: 'POST', path: '/token' }
const TOKEN = 'header.payload.signature'
const key = newDpopKey()

let clock: TurnableClock
let nonces: DpopNonces
beforeEach(() => {
  clock = turnableClock()
  nonces = createDpopNonces({ key: createSecretKey(Buffer.alloc(32, 1)), clock })
})

type Members = Readonly<Record<string, unknown>>
const claimsOf = (more: Members = {}): Members => ({
  htm: 'POST',
  htu: URL,
  iat: clock.now(),
  nonce: nonces.current(),
  ...more,
})

/** `accepted`, or the reason. */
async function verdict(proof: string, request: ProvedRequest = REQUEST): Promise<string> {
  const verified = await createDpopVerifier({ origins: ORIGINS, clock, nonces })(proof, request)
  return verified.ok ? 'accepted' : verified.refusal.reason
}
const ofClaims = (more: Members, request?: ProvedRequest): Promise<string> =>
  verdict(key.prove(claimsOf(more)), request)
const ofHeader = (more: Members): Promise<string> => verdict(key.prove(claimsOf(), more))

describe('RFC 9449 §4.3: a proof is believed when all of it holds', () => {
  test('a good one is, and says which key it proves', async () => {
    const verified = await createDpopVerifier({ origins: ORIGINS, clock, nonces })(key.prove(claimsOf()), REQUEST)
    expect(verified).toMatchObject({ ok: true, value: { jkt: key.jkt } })
  })

  test('1: there is one header, not two', async () => {
    expect(await verdict(`${key.prove(claimsOf())}, ${key.prove(claimsOf())}`)).toBe('dpop_malformed')
  })

  test.each([
    ['nothing', ''],
    ['a text', 'proof'],
    ['two parts', 'a.b'],
    ['an encrypted one of five parts', 'a.b.c.d.e'],
    ['what is no base64url', '!.!.!'],
    ['what is too long', 'a'.repeat(10_000)],
  ])('2: it is a single well-formed JWT, not %s', async (_name, proof) => {
    expect(await verdict(proof)).toBe('dpop_malformed')
  })

  test('2: each of its parts has one notation', async () => {
    const [header, payload, signature] = key.prove(claimsOf()).split('.')
    expect(await verdict(`${header!}.${payload!}.${signature!}=`)).toBe('dpop_malformed')
    expect(await verdict(`${header!}.${payload!}.${signature!} `)).toBe('dpop_malformed')
  })

  test.each(['jti', 'htm', 'htu', 'iat'])('3: %s is required', async (claim) => {
    expect(await ofClaims({ [claim]: undefined })).toBe('dpop_malformed')
  })

  test.each([
    ['jti that is empty', { jti: '' }],
    ['jti that is long', { jti: 'j'.repeat(257) }],
    ['jti that is a number', { jti: 1 }],
    ['htm that is a list', { htm: ['POST'] }],
    ['htu that is a list', { htu: [URL] }],
    ['iat that is a text', { iat: String(TEST_EPOCH) }],
    ['iat that is endless', { iat: 1e308 * 10 }],
    ['exp that is a text', { exp: 'later' }],
    ['nonce that is a number', { nonce: 1 }],
    ['ath that is a list', { ath: [athOf(TOKEN)] }],
  ])('3: a %s is refused', async (_name, claims) => {
    expect(await ofClaims(claims)).toBe('dpop_malformed')
  })

  test.each([['JWT'], ['at+jwt'], ['DPOP+JWT'], [undefined], [['dpop+jwt']]])(
    '4: typ is dpop+jwt, not %p',
    async (typ) => {
      expect(await ofHeader({ typ })).toBe('dpop_malformed')
    },
  )

  test.each([['none'], ['HS256'], ['RSA1_5'], ['ES256K'], [undefined], [['ES256']]])(
    '5: alg is one of a public key, not %p',
    async (alg) => {
      expect(await ofHeader({ alg })).toBe('dpop_malformed')
    },
  )

  test('5: the key decides which algorithms there are', async () => {
    expect(await ofHeader({ alg: 'RS256' })).toBe('dpop_key_not_accepted')
    expect(await ofHeader({ alg: 'ES384' })).toBe('dpop_key_not_accepted')
  })

  test('6: the signature verifies with the key in the header', async () => {
    expect(
      await verdict(
        signProof(
          newDpopKey().privateKey,
          { typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk },
          { jti: 'j', ...claimsOf() },
        ),
      ),
    ).toBe('dpop_signature_invalid')
  })

  test.each([
    ['no key', undefined],
    ['a text', 'key'],
    ['a list', [key.jwk]],
  ])('6: jwk is a key, not %s', async (_name, jwk) => {
    expect(await ofHeader({ jwk })).toBe('dpop_malformed')
  })

  test.each(['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'priv'])('7: jwk holds no private member %s', async (member) => {
    expect(await ofHeader({ jwk: { ...key.jwk, [member]: 'AQAB' } })).toBe('dpop_key_not_accepted')
  })

  test('7: jwk is not the private key that it belongs to', async () => {
    expect(await ofHeader({ jwk: key.privateKey.export({ format: 'jwk' }) })).toBe('dpop_key_not_accepted')
  })

  test('a weak key proves nothing: RSA 1024, exponent 3, a point off its curve', async () => {
    for (const options of [{ modulusLength: 1024 }, { modulusLength: 2048, publicExponent: 3 }]) {
      const { privateKey, publicKey } = generateKeyPairSync('rsa', options)
      const proof = await joseProof(privateKey, publicKey.export({ format: 'jwk' }), 'RS256').catch(() => undefined)
      expect(await verdict(proof ?? (await forged(publicKey.export({ format: 'jwk' }))))).toBe('dpop_key_not_accepted')
    }
    expect(await ofHeader({ jwk: { ...key.jwk, x: Buffer.alloc(32, 1).toString('base64url') } })).toBe(
      'dpop_key_not_accepted',
    )
  })

  test.each(['crit', 'b64'])('a header that must be understood is not: %s', async (parameter) => {
    expect(await ofHeader({ [parameter]: parameter === 'crit' ? ['b64'] : false })).toBe('dpop_malformed')
  })

  test.each([['GET'], ['post'], ['']])('8: htm is the method, not %p', async (htm) => {
    expect(await ofClaims({ htm })).toBe('dpop_other_request')
  })

  test.each([
    ['another path', 'https://errand.example.com/revoke'],
    ['a longer path', 'https://errand.example.com/token/'],
    ['another host', 'https://evil.example.com/token'],
    ['another port', 'https://errand.example.com:444/token'],
    ['another scheme', 'http://errand.example.com/token'],
    ['somebody at the host', 'https://user@errand.example.com/token'],
    ['a path alone', '/token'],
    ['a backslash, which browsers turn round', 'https://errand.example.com\\token'],
    ['a line break, which browsers drop', 'https://errand.example.com/to\nken'],
    ['an escaped slash', 'https://errand.example.com/%2Ftoken'],
  ])('9: htu is this endpoint, not %s', async (_name, htu) => {
    expect(await ofClaims({ htu })).toBe('dpop_other_request')
  })

  test.each([
    ['with a query', `${URL}?a=b`],
    ['with a fragment', `${URL}#f`],
    ['in capitals', 'HTTPS://ERRAND.EXAMPLE.COM/token'],
    ['with the port that is meant anyway', 'https://errand.example.com:443/token'],
    ['with dot segments', 'https://errand.example.com/x/../token'],
    ['with a needless escape', 'https://errand.example.com/%74oken'],
    ['at the mutual TLS alias', 'https://mtls.example.com:8444/token'],
  ])('9: htu is compared normalized, without query and fragment: %s', async (_name, htu) => {
    expect(await ofClaims({ htu })).toBe('accepted')
  })

  test('10: a nonce of this broker is required, fresh', async () => {
    expect(await ofClaims({ nonce: undefined })).toBe('dpop_nonce_needed')
    expect(await ofClaims({ nonce: 'made-up' })).toBe('dpop_nonce_needed')
    const nonce = nonces.current()
    clock.advance(180)
    expect(await ofClaims({ nonce })).toBe('accepted')
    clock.advance(180)
    expect(await ofClaims({ nonce })).toBe('dpop_nonce_needed')
  })

  test('10: whoever is asked for a nonce has a proof that is good otherwise', async () => {
    expect(await ofClaims({ nonce: undefined, htm: 'GET' })).toBe('dpop_other_request')
    expect(await ofClaims({ nonce: undefined, iat: 1 })).toBe('dpop_too_old')
  })

  test('11: iat is recent', async () => {
    expect(await ofClaims({ iat: clock.now() - 120 })).toBe('accepted')
    expect(await ofClaims({ iat: clock.now() - 121 })).toBe('dpop_too_old')
    expect(await ofClaims({ iat: clock.now() + 30 })).toBe('accepted')
    expect(await ofClaims({ iat: clock.now() + 31 })).toBe('dpop_not_yet_valid')
  })

  test('RFC 7519 §4.1: exp and nbf are not asked for, and hold where they stand', async () => {
    expect(await ofClaims({ exp: clock.now() + 1, nbf: clock.now() })).toBe('accepted')
    expect(await ofClaims({ exp: clock.now() })).toBe('dpop_too_old')
    expect(await ofClaims({ nbf: clock.now() + 31 })).toBe('dpop_not_yet_valid')
  })

  test('12: ath is of the very token that it comes with', async () => {
    const token = { value: TOKEN, mustBeNamed: true }
    expect(await ofClaims({ ath: athOf(TOKEN) }, { ...REQUEST, token })).toBe('accepted')
    expect(await ofClaims({ ath: athOf('another') }, { ...REQUEST, token })).toBe('dpop_other_token')
    expect(await ofClaims({}, { ...REQUEST, token })).toBe('dpop_other_token')
  })

  test('12: at the token endpoint it need not stand, and is right where it does', async () => {
    const token = { value: TOKEN, mustBeNamed: false }
    expect(await ofClaims({}, { ...REQUEST, token })).toBe('accepted')
    expect(await ofClaims({ ath: athOf('another') }, { ...REQUEST, token })).toBe('dpop_other_token')
    expect(await ofClaims({ ath: athOf(TOKEN) })).toBe('dpop_other_token')
  })
})

async function joseProof(privateKey: KeyObject, jwk: JsonWebKey, alg: string, more: Members = {}): Promise<string> {
  return new SignJWT({ jti: 'jti', ...claimsOf(more) })
    .setProtectedHeader({ typ: 'dpop+jwt', alg, jwk: jwk })
    .sign(privateKey)
}

/** With a signature that is none: what a weak key would let anybody make. */
const forged = (jwk: JsonWebKey): Promise<string> => {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return Promise.resolve(
    `${part({ typ: 'dpop+jwt', alg: 'RS256', jwk })}.${part({ jti: 'j', ...claimsOf() })}.${'A'.repeat(171)}`,
  )
}

describe('single use (RFC 9449 §11.1)', () => {
  const useOf = async (claims: Members, by = key) => {
    const verified = await createDpopVerifier({ origins: ORIGINS, clock, nonces })(by.prove(claimsOf(claims)), REQUEST)
    if (!verified.ok) throw new Error(verified.refusal.reason)
    return verified.value.use
  }

  test('is of a jti and its key: the same jti of another key is another proof', async () => {
    const [first, again, others] = [
      await useOf({ jti: 'one' }),
      await useOf({ jti: 'one', iat: clock.now() - 5 }),
      await useOf({ jti: 'one' }, newDpopKey()),
    ]
    expect(again.key).toBe(first.key)
    expect(others.key).not.toBe(first.key)
    expect(first.binding).toBe('')
  })

  test('is remembered for longer than the proof is good, on a clock that differs too', async () => {
    const { until } = await useOf({ iat: clock.now() })
    const proof = key.prove(claimsOf())
    clock.set(until)
    expect(await verdict(proof)).toBe('dpop_too_old')
    expect(until).toBeGreaterThanOrEqual(TEST_EPOCH + 150)
  })
})

describe('jose as oracle', () => {
  const pairs = {
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
    RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    PS256: generateKeyPairSync('rsa', { modulusLength: 3072 }),
    EdDSA: generateKeyPairSync('ed25519'),
    Ed25519: generateKeyPairSync('ed25519'),
  }

  test.each(Object.entries(pairs))(
    '%s: what jose signs is believed, and the thumbprints agree (RFC 7638)',
    async (alg, pair) => {
      expect(DPOP_ALGORITHMS).toContain(alg)
      const jwk = pair.publicKey.export({ format: 'jwk' })
      expect(await verdict(await joseProof(pair.privateKey, jwk, alg))).toBe('accepted')
      expect(thumbprintOf(pair.publicKey)).toBe(await calculateJwkThumbprint(jwk))
    },
  )

  test('one flipped bit anywhere, and nothing is believed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (at) => {
        const proof = key.prove(claimsOf())
        const position = at % proof.length
        const flipped = String.fromCharCode(proof.charCodeAt(position) ^ 1)
        expect(await verdict(proof.slice(0, position) + flipped + proof.slice(position + 1))).not.toBe('accepted')
      }),
      { numRuns: 300 },
    )
  })
})
