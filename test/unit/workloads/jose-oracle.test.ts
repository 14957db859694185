import type { KeyObject } from 'node:crypto'
import { constants, generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { JWTPayload, JWTHeaderParameters } from 'jose'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { ok, refuse } from '../../../src/runtime/result.js'
import type { IssuerKeys } from '../../../src/workloads/issuer-keys.js'
import { parseKeySet } from '../../../src/workloads/key-set.js'
import { createWorkloadVerifier } from '../../../src/workloads/verify-workload.js'
import { TEST_EPOCH, turnableClock } from '../../support/clock.js'

/*
 * Verification is our own on the hot path; jose is its oracle. Whatever we believe, jose believes, and reads the same in it.
 * Whatever jose believes and we do not is on the list of divergences below, each recognised by the token itself.
 */

const ISSUER = 'https://ci.example.com'
const AUDIENCE = 'errand'
const NOW = TEST_EPOCH
const ALLOWED = ['ES256', 'RS256', 'PS256', 'EdDSA']

interface Signer {
  readonly jwk: Record<string, unknown>
  readonly privateKey: KeyObject
}
const signerOf = ({ privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject }, kid: string): Signer => ({
  privateKey,
  jwk: { ...publicKey.export({ format: 'jwk' }), kid },
})
const signers: readonly Signer[] = [
  signerOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'ec'),
  signerOf(generateKeyPairSync('rsa', { modulusLength: 2048 }), 'rsa'),
  signerOf(generateKeyPairSync('ed25519'), 'ed'),
  signerOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'p384'),
]
const stranger = signerOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'ec')
const jwks = { keys: signers.map((signer) => signer.jwk) }

const set = parseKeySet(jwks)
const keys: Pick<IssuerKeys, 'find'> = {
  find: (_source, alg, kid) => {
    const key = set?.find(alg, kid)
    return Promise.resolve(key === undefined ? refuse('key_unknown' as const) : ok(key))
  },
}
const verify = createWorkloadVerifier({
  sources: [
    {
      name: 'ci',
      preset: 'generic',
      issuer: ISSUER,
      audiences: [AUDIENCE],
      require: {},
      owner: 'platform',
      reuse: 'once',
      algorithms: ALLOWED,
      leeway: 0,
      keys: {},
      mapping: { anchor: 'iss', segments: [], sealed: [], delegate: [] },
    },
  ],
  trustDomain: 'errand.example.com',
  ownIssuer: 'https://errand.example.com',
  clock: turnableClock(),
  keys,
})
const joseKeys = createLocalJWKSet(jwks)

interface Believed {
  readonly header: JWTHeaderParameters
  readonly payload: JWTPayload
}

async function byJose(token: string): Promise<Believed | undefined> {
  try {
    const { protectedHeader, payload } = await jwtVerify(token, joseKeys, {
      algorithms: ALLOWED,
      issuer: ISSUER,
      audience: AUDIENCE,
      requiredClaims: ['sub', 'exp'],
      currentDate: new Date(NOW * 1000),
    })
    return { header: protectedHeader, payload }
  } catch {
    return undefined
  }
}

/** Where we are stricter than jose, and why. */
const divergences: readonly [name: string, applies: (token: string, believed: Believed) => boolean][] = [
  ['an assertion over 16 KiB', (token) => token.length > 16_384],
  [
    'base64url that is not canonical: padding, white space, stray bits (one content, one text)',
    (token) => token.split('.').some((part) => Buffer.from(part, 'base64url').toString('base64url') !== part),
  ],
  ['crit and b64, even those that change nothing', (_token, { header }) => 'crit' in header || 'b64' in header],
  ['a typ of another kind of token (RFC 8725 §3.11)', (_token, { header }) => 'typ' in header && header.typ !== 'JWT'],
  ['members named twice', (token) => [0, 1].some((part) => namesTwice(partOf(token, part)))],
  ['a byte order mark', (token) => [0, 1].some((part) => partOf(token, part).startsWith('\uFEFF'))],
  ['nesting over 32 levels', (token) => [0, 1].some((part) => /[[{]{33}/.test(partOf(token, part)))],
  ['lone surrogates', (token) => [0, 1].some((part) => partOf(token, part).includes(String.raw`\ud800`))],
  ['a sub that is empty, no text, or not plain', (_token, { payload }) => !isPlain(payload.sub)],
  [
    'a jti that is empty or no text',
    (_token, { payload }) => 'jti' in payload && (typeof payload.jti !== 'string' || payload.jti === ''),
  ],
  ['act, cnf', (_token, { payload }) => 'act' in payload || 'cnf' in payload],
  ['audiences that are no texts', (_token, { payload }) => [payload.aud].flat().some((aud) => typeof aud !== 'string')],
  ['an iat in the future, without a maximum age', (_token, { payload }) => (payload.iat ?? 0) > NOW],
  [
    'times before 1970 and after the year 9999',
    (_token, { payload }) =>
      [payload.exp, payload.iat, payload.nbf].some(
        (time) => time !== undefined && (time < 0 || time > 253_402_300_799),
      ),
  ],
]

const partOf = (token: string, part: number): string =>
  Buffer.from(token.split('.')[part] ?? '', 'base64url').toString()
const namesTwice = (json: string): boolean => /"(sub|alg)".*"(s\\u0075b|sub|alg)"/.test(json)
const isPlain = (sub: unknown): boolean =>
  typeof sub === 'string' && sub !== '' && sub.length <= 1024 && !/\p{Cc}/u.test(sub)

function signInput(input: string, alg: string, { privateKey }: Signer): string {
  const data = Buffer.from(input)
  try {
    switch (alg) {
      case 'ES256':
        return sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')
      case 'ES384':
        return sign('sha384', data, { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')
      case 'PS256':
        return sign('sha256', data, {
          key: privateKey,
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: 32,
        }).toString('base64url')
      case 'EdDSA':
      case 'Ed25519':
        return sign(null, data, privateKey).toString('base64url')
      default:
        return sign('sha256', data, privateKey).toString('base64url')
    }
  } catch {
    return 'AA'
  }
}

const signerFor: Readonly<Record<string, number>> = { ES256: 0, RS256: 1, PS256: 1, EdDSA: 2, Ed25519: 2, ES384: 3 }
const maybe = <T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 6, arbitrary: usual }, { weight: 1, arbitrary: odd })

const time = fc.constantFrom<unknown>(NOW - 1, NOW, NOW + 1, NOW + 0.5, 0, -1, 1e300, 'x', null, `${NOW}`)
const claims = fc.record(
  {
    iss: maybe(fc.constant(ISSUER), fc.constantFrom<unknown>([ISSUER], `${ISSUER}/`, null, '')),
    sub: maybe(fc.string({ minLength: 1 }), fc.constantFrom<unknown>('', 1, null, ['x'], 'a\nb', 'x'.repeat(1025))),
    aud: maybe(
      fc.constantFrom<unknown>(AUDIENCE, [AUDIENCE], ['x', AUDIENCE]),
      fc.constantFrom<unknown>('x', [], null, [AUDIENCE, 1], [[AUDIENCE]]),
    ),
    exp: maybe(fc.integer({ min: NOW + 1, max: NOW + 9999 }), time),
    iat: maybe(fc.integer({ min: NOW - 9999, max: NOW }), time),
    nbf: maybe(fc.integer({ min: NOW - 9999, max: NOW }), time),
    jti: maybe(fc.string({ minLength: 1 }), fc.constantFrom<unknown>('', 1, null)),
    extra: maybe(fc.jsonValue({ maxDepth: 3 }), fc.constant(deep(34))),
    act: maybe(fc.constant(undefined), fc.constant({ sub: 'x' })),
    cnf: maybe(fc.constant(undefined), fc.constant({ jkt: 'x' })),
  },
  { requiredKeys: ['iss', 'sub', 'aud', 'exp'] },
)

function deep(levels: number): unknown {
  return levels === 0 ? [] : [deep(levels - 1)]
}

/** How the JSON is written down. */
const spelling = fc.constantFrom<(json: string) => string>(
  (json) => json,
  (json) => json,
  (json) => json,
  (json) => ` ${json}\n`,
  (json) => json.replace('"sub"', String.raw`"s\u0075b"`),
  (json) => json.replace(/}$/, String.raw`,"s\u0075b":"x"}`),
  (json) => json.replace(/}$/, ',"sub":"x"}'),
  (json) => json.replace(/}$/, String.raw`,"odd":"\ud800"}`),
  (json) => json.replace(/}$/, ',"__proto__":{"sub":"x"}}'),
  (json) => json.replace(/"exp":[^,}]*/, '"exp":1e999'),
  (json) => `\uFEFF${json}`,
  (json) => `[${json}]`,
  (json) => `${json}x`,
)

const alg = maybe(
  fc.constantFrom(...ALLOWED),
  fc.constantFrom('none', 'HS256', 'ES384', 'Ed25519', 'RS1', ''),
) as fc.Arbitrary<string>
const header = fc.record(
  {
    alg,
    kid: maybe(fc.constant('fitting'), fc.constantFrom<unknown>('ec', 'rsa', 'ed', 'p384', 'none', 1, null, '')),
    typ: maybe(fc.constant('JWT'), fc.constantFrom<unknown>('at+jwt', 'dpop+jwt', null, 1, 'jwt')),
    crit: maybe(fc.constant(undefined), fc.constantFrom<unknown>(['b64'], ['exp'], [], 'b64')),
    b64: maybe(fc.constant(undefined), fc.constantFrom<unknown>(true, false)),
    jwk: maybe(fc.constant(undefined), fc.constant(stranger.jwk)),
  },
  { requiredKeys: ['alg'] },
)

/** What happens to the text on its way. */
const damage = fc.oneof(
  { weight: 8, arbitrary: fc.constant((token: string) => token) },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.nat(), fc.integer({ min: 0, max: 6 })).map(([at, bit]) => (token: string) => {
      const place = at % token.length
      return token.slice(0, place) + String.fromCharCode(token.charCodeAt(place) ^ (1 << bit)) + token.slice(place + 1)
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<(token: string) => string>(
      (token) => `${token}\n`,
      (token) => ` ${token}`,
      (token) => `${token}=`,
      (token) => `${token}==`,
      (token) => token.replace('.', ' .'),
      (token) => token.slice(0, -1),
      (token) => `${token}A`,
      (token) => `${token}.`,
      (token) => token.slice(0, token.lastIndexOf('.') + 1),
      (token) => `${token.slice(0, -1)}${String.fromCharCode(token.charCodeAt(token.length - 1) + 1)}`,
      (token) => token.replaceAll('-', '+').replaceAll('_', '/'),
    ),
  },
)

const tokens = fc
  .record({
    header,
    claims,
    spelling,
    headerSpelling: maybe(
      fc.constant((json: string) => json),
      spelling,
    ) as fc.Arbitrary<(json: string) => string>,
    signer: fc.oneof(
      { weight: 9, arbitrary: fc.constant('fitting' as const) },
      { weight: 1, arbitrary: fc.constantFrom(...signers, stranger) },
    ),
    damage,
  })
  .map((made) => {
    const fitting = signers[signerFor[made.header.alg] ?? 0]
    const signer = made.signer === 'fitting' ? fitting : made.signer
    if (signer === undefined || fitting === undefined) throw new Error('no signer')
    const parameters = { ...made.header, ...(made.header.kid === 'fitting' ? { kid: fitting.jwk['kid'] } : {}) }
    const input = [made.headerSpelling(JSON.stringify(parameters)), made.spelling(JSON.stringify(made.claims))]
      .map((text) => Buffer.from(text).toString('base64url'))
      .join('.')
    return made.damage(`${input}.${signInput(input, made.header.alg, signer)}`)
  })

describe('our verification and jose', () => {
  test('agree on every token, but for the divergences', async () => {
    const seen = { believed: 0, refused: 0, diverged: new Map<string, number>() }
    await fc.assert(
      fc.asyncProperty(tokens, async (token) => {
        const ours = await verify(token)
        const theirs = await byJose(token)
        if (ours.ok) {
          seen.believed++
          expect(theirs?.payload).toEqual(ours.value.claims)
          return
        }
        seen.refused++
        if (theirs === undefined) return
        const names = divergences.filter(([, applies]) => applies(token, theirs)).map(([name]) => name)
        expect({ token, refusal: ours.refusal, names }).not.toMatchObject({ names: [] })
        for (const name of names) seen.diverged.set(name, (seen.diverged.get(name) ?? 0) + 1)
      }),
      { numRuns: 3000 },
    )
    // A generator that makes only bad tokens, or only good ones, proves nothing.
    expect(seen.believed).toBeGreaterThan(100)
    expect(seen.refused).toBeGreaterThan(1000)
    expect(seen.diverged.size).toBeGreaterThan(8)
  })

  test('every bit of a good token counts', async () => {
    const input = [
      { alg: 'ES256', kid: 'ec' },
      { iss: ISSUER, sub: 'x', aud: AUDIENCE, exp: NOW + 60 },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    const [signer] = signers
    const token = `${input}.${signer === undefined ? '' : signInput(input, 'ES256', signer)}`
    expect((await verify(token)).ok).toBe(true)
    for (let at = 0; at < token.length; at++) {
      for (let bit = 0; bit < 7; bit++) {
        const changed =
          token.slice(0, at) + String.fromCharCode(token.charCodeAt(at) ^ (1 << bit)) + token.slice(at + 1)
        expect((await verify(changed)).ok).toBe(false)
      }
    }
  })
})
