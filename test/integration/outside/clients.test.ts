import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { DEPLOY, exchangeForm, startBroker, type TestBroker } from '../../support/broker.js'
import { runOutside, startOutside } from '../../support/outside.js'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const serverJwk = { ...privateKey.export({ format: 'jwk' }), kid: 'server-key' }
const folder = mkdtempSync(join(tmpdir(), 'errand-outside-'))
const jwksFile = join(folder, 'server.jwks.json')
const WORKLOAD = 'spiffe://errand.test/ci/74'

let broker: TestBroker
beforeAll(async () => {
  const published = { ...publicKey.export({ format: 'jwk' }), kid: 'server-key', alg: 'ES256', use: 'sig' }
  writeFileSync(jwksFile, JSON.stringify({ keys: [published] }))
  broker = await startBroker({
    config: ({ resources: [deploy, ...others] }) => ({
      resources: [
        {
          ...deploy,
          clients: [...(deploy?.clients ?? []), { id: 'deploy-keyed', auth: 'private_key_jwt', jwks_file: jwksFile }],
        },
        ...others,
      ],
    }),
  })
})
afterAll(async () => {
  await broker.stop()
  rmSync(folder, { recursive: true, force: true })
})

const approve = async (id: string): Promise<void> => {
  const ann = await broker.person('ann')
  const { body } = await broker.call('GET', `/grants/${id}`, ann)
  await broker.call('POST', `/grants/${id}/reviews`, ann, { decision: 'approve', digest: body['digest'] })
}

describe.each(['oauth4webapi', 'openid-client'])('%s, in a process of its own', (library) => {
  test('discovers, exchanges, waits and polls, introspects and revokes', async () => {
    const run = `${library}-run`
    const assertion = (name: string) => broker.assertion({ run_id: `${run}-${name}` })
    const program = startOutside(library, {
      issuer: broker.url,
      audience: DEPLOY,
      assertions: {
        clientId: WORKLOAD,
        exchange: await assertion('exchange'),
        clientCredentials: await assertion('credentials'),
        deferred: await assertion('deferred'),
      },
      server: { id: 'deploy-api', secret: broker.secret, keyedId: 'deploy-keyed' },
      serverJwk,
    })
    try {
      expect(await program.next()).toEqual({ step: 'discovery', issuer: broker.url, openid: broker.url })

      const exchanged = await program.next()
      broker.secrets.keep(String(exchanged['access_token']), 'a credential')
      expect(exchanged).toMatchObject({
        step: 'exchange',
        token_type: 'bearer',
        issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        scope: 'deploy:staging',
        expires_in: 900,
      })
      const machine = await program.next()
      expect(machine).toMatchObject({ step: 'client_credentials', token_type: 'bearer', scope: 'deploy:staging' })
      expect(machine['grant_id']).not.toBe(exchanged['grant_id'])

      const pending = await program.next()
      expect(pending).toMatchObject({ step: 'pending', error: 'authorization_pending', interval: 5 })
      broker.secrets.keep(String(pending['deferral_code']), 'a deferral code')
      await approve(String(pending['grant_id']))
      program.tell({ assertion: await assertion('deferred') })
      const redeemed = await program.next()
      expect(redeemed).toMatchObject({ step: 'redeemed', scope: 'deploy:production', grant_id: pending['grant_id'] })

      const live = library === 'oauth4webapi' ? exchanged : redeemed
      if (library === 'oauth4webapi') {
        expect(await program.next()).toMatchObject({
          step: 'validated',
          iss: broker.url,
          aud: DEPLOY,
          sub: WORKLOAD,
          client_id: WORKLOAD,
          grant_id: exchanged['grant_id'],
        })
        expect(await program.next()).toEqual({
          step: 'validated elsewhere',
          code: 'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
        })
      }
      const facts = { active: true, aud: DEPLOY, scope: live['scope'], grant_id: live['grant_id'], sub: WORKLOAD }
      expect(await program.next()).toMatchObject({ step: 'introspected', ...facts })
      expect(await program.next()).toMatchObject({ step: 'introspected with a key', ...facts })
      expect(await program.next()).toEqual({ step: 'revoked', active: false })
    } finally {
      await program.stop()
    }
  })
})

describe('oauth4webapi, unmodified, with DPoP', () => {
  test('is asked for a nonce, sends the same assertion again, waits and polls by its key, and presents what it got', async () => {
    const keyed = await startBroker({
      config: ({ resources: [deploy, ...others], tiers, workloads: [ci] }) => {
        const allow = [{ issuer: ci?.issuer ?? '', claims: { repository_id: '74' } }]
        return {
          tiers: { ...tiers, keyed: { approval: 'policy', binding: 'dpop' } },
          resources: [
            { ...deploy, scopes: { ...deploy?.scopes, 'deploy:keyed': { tier: 'keyed', allow } } },
            ...others,
          ],
        }
      },
    })
    const assertion = (run: string) => keyed.assertion({ run_id: run })
    const program = startOutside('oauth4webapi-dpop', {
      issuer: keyed.url,
      audience: DEPLOY,
      assertions: {
        first: await assertion('one'),
        second: await assertion('two'),
        deferred: await assertion('deferred'),
        third: await assertion('three'),
      },
      server: { id: 'deploy-api', secret: keyed.secret },
    })
    const next = async () => {
      const step = await program.next()
      for (const secret of [step['access_token'], step['deferral_code']])
        if (typeof secret === 'string') keyed.secrets.keep(secret, 'a credential or code')
      return step
    }
    try {
      expect(await next()).toEqual({ step: 'discovery', algs: expect.arrayContaining(['ES256', 'Ed25519', 'PS256']) })
      const exchanged = await next()
      expect(exchanged).toMatchObject({ step: 'exchange', challenges: 1, token_type: 'dpop', scope: 'deploy:keyed' })
      const cnf = { jkt: exchanged['jkt'] }
      // The nonce of the last answer is good for the next request.
      expect(await next()).toMatchObject({ step: 'exchange again', challenges: 1, token_type: 'dpop' })

      const pending = await next()
      expect(pending).toMatchObject({ step: 'pending', error: 'authorization_pending' })
      const ann = await keyed.person('ann')
      const grant = `/grants/${String(pending['grant_id'])}`
      const { body } = await keyed.call('GET', grant, ann)
      await keyed.call('POST', `${grant}/reviews`, ann, { decision: 'approve', digest: body['digest'] })
      program.tell({})
      expect(await next()).toMatchObject({ step: 'redeemed', token_type: 'dpop', scope: 'deploy:production' })

      expect(await next()).toMatchObject({
        step: 'validated',
        own: { verdict: 'accepted', cnf },
        stranger: { verdict: 'OAUTH_JWT_CLAIM_COMPARISON_FAILED' },
      })
      expect(await next()).toMatchObject({ step: 'introspected', active: true, token_type: 'DPoP', cnf })
      expect(await next()).toMatchObject({ step: 'completed', challenges: 1, status: 'completed' })
    } finally {
      await program.stop()
      await keyed.stop()
    }
  })
})

describe('jose, and jsonwebtoken with jwks-rsa, in a process of their own', () => {
  test('verify a credential offline: signature, issuer, audience, type and expiry', async () => {
    const issued = await broker.post('/token', exchangeForm(await broker.assertion({ run_id: 'offline' })))
    const good = String(issued.body['access_token'])
    const [header = '', payload = '', signature = ''] = good.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { exp: number }
    const wider = Buffer.from(JSON.stringify({ ...claims, scope: 'deploy:production' })).toString('base64url')
    const assertion = await broker.assertion()
    const tokens = { good, expired: good, widened: `${header}.${wider}.${signature}`, foreign: assertion }
    const about = {
      issuer: broker.url,
      jwksUri: `${broker.url}/jwks`,
      audience: DEPLOY,
      tokens,
      at: { expired: claims.exp },
    }
    const verdicts = await runOutside('verify-offline', about)
    const accepted = { verdict: 'accepted', payload: claims, header: { typ: 'at+jwt', alg: 'ES256' } }
    expect(verdicts).toMatchObject({
      good: { jose: accepted, jsonwebtoken: accepted },
      expired: { jose: { verdict: 'ERR_JWT_EXPIRED' }, jsonwebtoken: { verdict: 'jwt expired' } },
      widened: {
        jose: { verdict: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' },
        jsonwebtoken: { verdict: 'invalid signature' },
      },
      foreign: { jose: { verdict: 'ERR_JWKS_NO_MATCHING_KEY' } },
    })
    const elsewhere = await runOutside('verify-offline', { ...about, audience: 'https://other.example.com' })
    expect(elsewhere).toMatchObject({
      good: {
        jose: { verdict: 'ERR_JWT_CLAIM_VALIDATION_FAILED' },
        jsonwebtoken: { verdict: 'jwt audience invalid. expected: https://other.example.com' },
      },
    })
  })

  test('go on verifying it after a rotation of the keys', async () => {
    const before = String(
      (await broker.post('/token', exchangeForm(await broker.assertion({ run_id: 'before' })))).body['access_token'],
    )
    await broker.broker.keys.rotate('a test', { atOnce: true })
    const after = String(
      (await broker.post('/token', exchangeForm(await broker.assertion({ run_id: 'after' })))).body['access_token'],
    )
    const verdicts = await runOutside('verify-offline', {
      issuer: broker.url,
      jwksUri: `${broker.url}/jwks`,
      audience: DEPLOY,
      tokens: { before, after },
      at: {},
    })
    const accepted = { jose: { verdict: 'accepted' }, jsonwebtoken: { verdict: 'accepted' } }
    expect(verdicts).toMatchObject({ before: accepted, after: accepted })
    expect(before.split('.')[0]).not.toBe(after.split('.')[0])
  })
})
