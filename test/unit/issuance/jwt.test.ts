import { beforeAll, describe, expect, test } from '@jest/globals'
import { createLocalJWKSet, jwtVerify, SignJWT } from 'jose'
import fc from 'fast-check'
import { createTokens, type AccessTokenClaims, type TicketClaims, type Tokens } from '../../../src/issuance/jwt.js'
import { openKeyRing, type KeyRing } from '../../../src/issuance/key-ring.js'
import { masterKeyOf } from '../../../src/issuance/master-key.js'
import type { SigningAlg } from '../../../src/policy/catalogue.js'
import { randomIds } from '../../../src/runtime/ids.js'
import { silentLog } from '../../../src/runtime/log.js'
import { MemoryKeyStore } from './memory-key-store.js'

const ISSUER = 'https://errand.example.com'
const NOW = 1_800_000_000
const clock = { now: () => NOW, nowMs: () => NOW * 1000 }
const ALGS: readonly SigningAlg[] = ['ES256', 'RS256', 'PS256', 'EdDSA']

let ring: KeyRing
let tokens: Tokens
beforeAll(async () => {
  const masterKey = masterKeyOf(Buffer.alloc(32, 1))
  ring = await openKeyRing({
    store: new MemoryKeyStore(),
    masterKey,
    clock,
    algs: ALGS,
    ids: randomIds,
    log: silentLog,
  })
  tokens = createTokens({ ring, issuer: ISSUER })
})

const claimsWith = (more: Partial<AccessTokenClaims> = {}): AccessTokenClaims => ({
  iss: ISSUER,
  sub: 'spiffe://errand.example.com/github/74/main',
  client_id: 'spiffe://errand.example.com/github/74/main',
  aud: 'https://deploy.example.com',
  iat: NOW,
  nbf: NOW,
  exp: NOW + 600,
  jti: randomIds.credentialId(3),
  scope: 'deploy:production',
  grant_id: randomIds.grantId(3),
  task_id: randomIds.taskId(3),
  ...more,
})
const ticketWith = (more: Partial<TicketClaims> = {}): TicketClaims => ({
  iss: ISSUER,
  sub: 'spiffe://errand.example.com/github/74/main',
  aud: ISSUER,
  iat: NOW,
  nbf: NOW,
  exp: NOW + 60,
  jti: randomIds.ticketId(3),
  may_act: { sub: 'spiffe://errand.example.com/agents/helper' },
  act: { sub: 'spiffe://errand.example.com/github/74/main' },
  parent_id: randomIds.credentialId(3),
  parent_exp: NOW + 300,
  grant_id: randomIds.grantId(3),
  task_id: randomIds.taskId(3),
  target: 'https://deploy.example.com',
  scope: 'deploy:production',
  ...more,
})

const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
const anyClaims = fc
  .record({
    aud: word.filter((aud) => aud !== ISSUER),
    sub: word,
    ttl: fc.integer({ min: 1, max: 3600 }),
    age: fc.nat(600),
    scope: fc.option(word, { nil: undefined }),
    details: fc.option(fc.array(fc.record({ type: word, table: fc.jsonValue() }), { maxLength: 3 }), {
      nil: undefined,
    }),
    actor: fc.option(word, { nil: undefined }),
    jkt: fc.option(word, { nil: undefined }),
    shard: fc.nat(63),
  })
  .map(({ aud, sub, ttl, age, scope, details, actor, jkt, shard }) => {
    const { scope: _, ...rest } = claimsWith({ aud, sub, iat: NOW - age, nbf: NOW - age, exp: NOW - age + ttl })
    return {
      ...rest,
      jti: randomIds.credentialId(shard),
      ...(scope !== undefined && { scope }),
      ...(details !== undefined && { authorization_details: details }),
      ...(actor !== undefined && { act: { sub: actor, act: { sub } } }),
      ...(jkt !== undefined && { cnf: { jkt } }),
    } satisfies AccessTokenClaims
  })

const withoutPrototypes = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe('our own tokens, with jose as the oracle', () => {
  test.each(ALGS)('RFC 9068: what is signed with %s, jose verifies, and reads the same claims', async (alg) => {
    await fc.assert(
      fc.asyncProperty(anyClaims, async (claims) => {
        const token = tokens.signAccessToken(claims, alg)
        const verified = await jwtVerify(token, createLocalJWKSet(withoutPrototypes(ring.jwks()) as never), {
          issuer: ISSUER,
          audience: claims.aud,
          typ: 'at+jwt',
          algorithms: [alg],
          currentDate: new Date(claims.iat * 1000),
        })
        expect(verified.payload).toEqual(withoutPrototypes(claims))
        expect(verified.protectedHeader).toEqual({ typ: 'at+jwt', alg, kid: ring.current(alg).kid })
        const own = await tokens.verifyOwnToken(token, 'at+jwt', claims.exp - 1)
        expect(own).toEqual({ ok: true, value: withoutPrototypes(claims) })
      }),
      { numRuns: 60 },
    )
  })

  test.each(ALGS)('what jose signs with our %s key and our header is verified', async (alg) => {
    const key = ring.current(alg)
    const token = await new SignJWT({ ...claimsWith() })
      .setProtectedHeader({ typ: 'at+jwt', alg, kid: key.kid })
      .sign(key.privateKey)
    expect(await tokens.verifyOwnToken(token, 'at+jwt', NOW)).toMatchObject({ ok: true })
  })

  // jose refuses, too, whatever we refuse for its signature: neither is laxer than the other.
  test('a token with any one character changed is refused by both', async () => {
    const token = tokens.signAccessToken(claimsWith(), 'ES256')
    const keys = createLocalJWKSet(withoutPrototypes(ring.jwks()) as never)
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ '
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 1), fc.constantFrom(...letters.split('')), async (at, letter) => {
        fc.pre(token[at] !== letter)
        const changed = token.slice(0, at) + letter + token.slice(at + 1)
        const own = await tokens.verifyOwnToken(changed, 'at+jwt', NOW)
        const theirs = await jwtVerify(changed, keys, { currentDate: new Date(NOW * 1000), typ: 'at+jwt' }).catch(
          () => undefined,
        )
        expect(own.ok).toBe(false)
        // jose reads base64url that is not canonical; that is the one thing in which we are stricter.
        if (theirs)
          expect(Buffer.from(changed.split('.')[2]!, 'base64url')).toEqual(
            Buffer.from(token.split('.')[2]!, 'base64url'),
          )
      }),
      { numRuns: 300 },
    )
  })
})

describe('verifyOwnToken', () => {
  const reasonOf = async (token: string, expected: 'at+jwt' | 'errand-ticket+jwt' = 'at+jwt', now = NOW) => {
    const result = await tokens.verifyOwnToken(token, expected, now)
    return result.ok ? 'accepted' : result.refusal.reason
  }
  const forged = (header: object, claims: object = claimsWith()) =>
    new SignJWT({ ...claims }).setProtectedHeader(header as never).sign(ring.current('ES256').privateKey)

  test('exp has no leeway: the second in which it expires is too late', async () => {
    const token = tokens.signAccessToken(claimsWith(), 'ES256')
    expect(await reasonOf(token, 'at+jwt', NOW + 599)).toBe('accepted')
    expect(await reasonOf(token, 'at+jwt', NOW + 600)).toBe('own_token_expired')
  })

  test('a token from a clock far ahead of ours is not valid yet', async () => {
    const token = tokens.signAccessToken(claimsWith({ iat: NOW + 31, nbf: NOW + 31, exp: NOW + 600 }), 'ES256')
    expect(await reasonOf(token, 'at+jwt', NOW)).toBe('own_token_not_yet_valid')
    expect(await reasonOf(token, 'at+jwt', NOW + 1)).toBe('accepted')
  })

  test('neither kind of token passes as the other (invariant 5)', async () => {
    const [access, ticket] = [tokens.signAccessToken(claimsWith(), 'ES256'), tokens.signTicket(ticketWith())]
    expect([tokens.typOf(access), tokens.typOf(ticket)]).toEqual(['at+jwt', 'errand-ticket+jwt'])
    expect(await reasonOf(access, 'errand-ticket+jwt')).toBe('own_token_unknown')
    expect(await reasonOf(ticket, 'at+jwt')).toBe('own_token_unknown')
    expect(await reasonOf(ticket, 'errand-ticket+jwt')).toBe('accepted')
  })

  test('RFC 8725 §3.1: the algorithm is the key’s, never the header’s; headers that are not ours to the byte are not ours', async () => {
    const { kid } = ring.current('ES256')
    const none = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${Buffer.from(JSON.stringify(claimsWith())).toString('base64url')}.`
    expect(await reasonOf(none)).toBe('own_token_unknown')
    expect(await reasonOf(await forged({ alg: 'ES256', kid, typ: 'JWT' }))).toBe('own_token_unknown')
    expect(await reasonOf(await forged({ alg: 'ES256', typ: 'at+jwt' }))).toBe('own_token_unknown')
    expect(await reasonOf(await forged({ typ: 'at+jwt', alg: 'ES256', kid, jwk: {} }))).toBe('own_token_unknown')
    expect(await reasonOf(await forged({ alg: 'ES256', typ: 'at+jwt', kid: 'other' }))).toBe('own_token_unknown')
  })

  test('a token of another issuer by the same key is refused, and a ticket for somebody else', async () => {
    const { kid } = ring.current('ES256')
    const header = (typ: string) => ({ typ, alg: 'ES256', kid })
    const elsewhere = claimsWith({ iss: 'https://other.example.com' })
    expect(await reasonOf(await forged(header('at+jwt'), elsewhere))).toBe('own_token_issuer_mismatch')
    const strange = ticketWith({ aud: 'https://other.example.com' })
    const ticket = await forged(header('errand-ticket+jwt'), strange)
    expect(await reasonOf(ticket, 'errand-ticket+jwt')).toBe('own_token_issuer_mismatch')
  })

  test('one notation for one token: other base64url for the same bytes is malformed', async () => {
    const token = tokens.signAccessToken(claimsWith(), 'ES256')
    expect(await reasonOf(`${token}=`)).toBe('own_token_malformed')
    expect(await reasonOf(`${token} `)).toBe('own_token_malformed')
    const last = token.at(-1)!
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const twin = token.slice(0, -1) + alphabet[alphabet.indexOf(last) + 1]!
    expect(Buffer.from(twin.split('.')[2]!, 'base64url')).toEqual(Buffer.from(token.split('.')[2]!, 'base64url'))
    expect(await reasonOf(twin)).toBe('own_token_malformed')
  })

  test.each(['', '.', '..', '...', 'a.b', 'a.b.c', 'a.b.c.d', '\u0000.\u0000.\u0000', 'x'.repeat(20_000)])(
    '%j is refused without a fault',
    async (text) => {
      expect(await reasonOf(text)).not.toBe('accepted')
      expect(tokens.typOf(text)).toBeUndefined()
    },
  )
})

describe('signing', () => {
  test.each<[string, Partial<AccessTokenClaims>]>([
    ['another issuer', { iss: 'https://other.example.com' }],
    ['ourselves as the target', { aud: ISSUER }],
    ['no target', { aud: '' }],
    ['more than an hour', { exp: NOW + 3601 }],
    ['no time at all', { exp: NOW }],
    ['half seconds', { exp: NOW + 0.5 }],
    ['a time that is not a number', { exp: Number.NaN }],
    ['an id that is not one', { jti: 'cr_1' }],
  ])('an access token with %s is never signed', (_, more) => {
    expect(() => tokens.signAccessToken(claimsWith(more), 'ES256')).toThrow(RangeError)
  })

  test.each<[string, Partial<TicketClaims>]>([
    ['more than a minute', { exp: NOW + 61 }],
    ['another issuer', { iss: 'https://other.example.com' }],
    ['another audience', { aud: 'https://deploy.example.com' }],
    ['no actor', { may_act: { sub: '' } }],
  ])('a ticket with %s is never signed', (_, more) => {
    expect(() => tokens.signTicket(ticketWith(more))).toThrow(RangeError)
  })
})
