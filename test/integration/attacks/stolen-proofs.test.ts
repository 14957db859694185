import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { deferralKey } from '../../../src/storage/redis/keys.js'
import { sha256Base64url } from '../../../src/runtime/digest.js'
import { shardOfDeferralCode } from '../../../src/runtime/ids.js'
import { DEPLOY, exchangeForm, startBroker, type Answer, type TestBroker } from '../../support/broker.js'
import { athOf, dpopClient, type DpopClient } from '../../support/dpop.js'
import { startRedis, type RedisServer } from '../../support/redis-server.js'

const now = (): number => Math.floor(Date.now() / 1000)
const errorOf = ({ body }: Answer): unknown => body['error']

/** Two instances of one broker, and somebody who reads what clients send, or writes the store. */
describe('a proof of possession that is not the attacker’s', () => {
  let redis: RedisServer
  let one: TestBroker
  let two: TestBroker
  beforeAll(async () => {
    redis = await startRedis()
    const store = { url: redis.url, durability: 'strict' }
    one = await startBroker({ store })
    two = await startBroker({
      store,
      share: one,
      config: ({ workloads }) => ({
        issuer: one.url,
        workloads: workloads.map((source) => ({ ...source, audiences: [one.url] })),
      }),
    })
  })
  afterAll(async () => {
    await two.stop()
    await one.stop()
    await redis.stop()
  })

  let runs = 0
  const assertion = (): Promise<string> => one.assertion({ run_id: `run-${++runs}` })
  const client = (): DpopClient => dpopClient(one, now)
  const exchange = async (at: TestBroker, headers: Record<string, string>): Promise<Answer> =>
    at.post('/token', exchangeForm(await assertion()), headers)

  test('RFC 9449 §11.1: replayed at the other instance, it is refused', async () => {
    const proof = await client().headers('POST', '/token')
    expect((await exchange(one, proof)).status).toBe(200)
    expect(errorOf(await exchange(two, proof))).toBe('invalid_dpop_proof')
  })

  test('sent to both at once, many times: exactly one passes', async () => {
    const proof = await client().headers('POST', '/token')
    const answers = await Promise.all(Array.from({ length: 16 }, (_, at) => exchange(at % 2 === 0 ? one : two, proof)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  test('RFC 9449 §8: the nonce of one instance is good at the other', async () => {
    const proof = await client().headers('POST', '/token')
    expect((await exchange(two, proof)).status).toBe(200)
  })

  test('one that was made for a request to another endpoint, or for another token, is no proof here', async () => {
    const owner = client()
    const { body } = await owner.post('/token', exchangeForm(await assertion()))
    const token = String(body['access_token'])
    const path = `/tasks/${String(body['task_id'])}/complete`
    const stolen = [
      await owner.headers('POST', '/token'),
      await owner.headers('GET', path, { ath: athOf(token) }),
      await owner.headers('POST', path, { ath: athOf('another token') }),
      await owner.headers('POST', path, { htu: `${DEPLOY}${path}`, ath: athOf(token) }),
    ]
    for (const headers of stolen) {
      const answer = await two.fetch(path, { method: 'POST', headers: { ...headers, Authorization: `DPoP ${token}` } })
      expect(answer.status).toBe(401)
    }
  })

  test('RFC 9449 §7.2: a stolen token is worth nothing without the key: not as a bearer token, not for a ticket, not to revoke', async () => {
    const { body } = await client().post('/token', exchangeForm(await assertion()))
    const token = String(body['access_token'])
    const thief = client()
    const path = `/tasks/${String(body['task_id'])}/complete`
    const ticket = {
      ...exchangeForm(token, { subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' }),
      requested_token_type: 'urn:errand:token-type:ticket',
      actor: 'spiffe://errand.test/ci/74',
    }
    expect((await one.call('POST', path, token)).status).toBe(401)
    expect((await thief.call('POST', path, token)).status).toBe(401)
    expect(errorOf(await thief.post('/token', ticket))).toBe('invalid_dpop_proof')
    expect(errorOf(await thief.post('/revoke', { token }))).toBe('invalid_dpop_proof')
    expect(errorOf(await one.post('/revoke', { token }))).toBe('invalid_dpop_proof')
    const introspected = await one.post(
      '/introspect',
      { token },
      { Authorization: `Basic ${btoa(`deploy-api:${one.secret}`)}` },
    )
    expect(introspected.body).toMatchObject({ active: true })
  })

  describe('invariant 8: who asked, in a deferred request whose polls prove keys alone', () => {
    const ask = { scope: 'deploy:production', completion_mode: 'deferred', purpose: 'deploy' }
    const poll = (code: string) => ({
      grant_type: 'urn:ietf:params:oauth:grant-type:deferred',
      deferral_code: code,
    })
    const rowKey = (code: string): string => deferralKey(shardOfDeferralCode(code), sha256Base64url(code))
    async function deferred(by: DpopClient): Promise<string> {
      const { body } = await by.post('/token', exchangeForm(await assertion(), ask))
      const ann = await one.person('ann')
      const grant = await one.call('GET', `/grants/${String(body['grant_id'])}`, ann)
      const review = { decision: 'approve', digest: grant.body['digest'] }
      await one.call('POST', `/grants/${String(body['grant_id'])}/reviews`, ann, review)
      return String(body['deferral_code'])
    }

    test('is good in its own record only: another’s, copied over, gives nothing', async () => {
      const [thief, victim] = [client(), client()]
      const [own, other] = [await deferred(thief), await deferred(victim)]
      const [mine, theirs] = await Promise.all(
        [own, other].map(async (code) => String(await redis.command('GET', rowKey(code)))),
      )
      // The holder of the thief's record, the request and grant of the victim's.
      const holder = /^\S+ \S+ \S+ \S+ (\S+)\n/.exec(mine ?? '')?.[1] ?? ''
      const moved = (theirs ?? '').replace(/^(\S+ \S+ \S+ \S+ )\S+\n/, `$1${holder}\n`)
      await redis.command('SET', rowKey(own), moved)
      expect(moved).not.toBe(theirs)
      expect((await thief.post('/token', poll(own))).status).toBe(500)
      expect((await victim.post('/token', poll(other))).status).toBe(200)
    })

    test('changed by a letter, it gives nothing', async () => {
      const thief = client()
      const code = await deferred(thief)
      const row = String(await redis.command('GET', rowKey(code)))
      const changed = row.replace('spiffe://errand.test/ci/74', 'spiffe://errand.test/ci/75')
      expect(changed).not.toBe(row)
      await redis.command('SET', rowKey(code), changed)
      expect((await thief.post('/token', poll(code))).status).toBe(500)
      await redis.command('SET', rowKey(code), row)
    })
  })
})
