import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { decodeJwt } from 'jose'
import { credentialKey } from '../../../src/storage/redis/keys.js'
import type { CredentialId } from '../../../src/runtime/ids.js'
import { shortId } from '../../../src/storage/redis/short-id.js'
import { startRedis, type RedisServer } from '../../support/redis-server.js'
import {
  ACCESS_TOKEN,
  agentId,
  CLIENT_ASSERTION_TYPE,
  credentialOf,
  DEPLOY,
  errorOf,
  exchangeForm,
  JWT,
  openStage,
  TICKET,
  type Credential,
  type Run,
  type Stage,
} from '../exchange/stage.js'
import type { StoreCase } from '../exchange/stores.js'

const onRedis = (redis: RedisServer): StoreCase => ({
  name: 'Redis',
  open: () => Promise.resolve({ store: { url: redis.url, durability: 'strict' }, close: () => redis.stop() }),
})

/** Whoever writes to Redis: every row can be edited, no MAC can be made (invariant 8). */
describe('invariant 8: what is made up in the store gives no credential', () => {
  let redis: RedisServer
  let stage: Stage
  beforeAll(async () => {
    redis = await startRedis()
    stage = await openStage(onRedis(redis))
  })
  afterAll(() => stage.stop())

  async function grantFor(run: Run, delegation: Record<string, unknown>): Promise<Credential> {
    const asked = await stage.broker.call('POST', '/grants', await run.assertion(), {
      access: [{ audience: DEPLOY, scope: 'deploy:production' }],
      delegation,
      purpose: 'hand on',
    })
    await stage.review(String(asked.body['id']), 'approve')
    const form = { scope: 'deploy:production', grant_id: String(asked.body['id']) }
    return credentialOf(await stage.token(exchangeForm(await run.assertion(), form)))
  }

  const askTicket = async (run: Run, token: string) =>
    stage.token({
      ...exchangeForm(token, { subject_token_type: ACCESS_TOKEN }),
      client_assertion: await run.assertion(),
      client_assertion_type: CLIENT_ASSERTION_TYPE,
      requested_token_type: TICKET,
      scope: 'deploy:production',
      actor: agentId('one'),
    })
  const redeem = async (ticket: string) =>
    stage.token({
      ...exchangeForm(ticket, { subject_token_type: 'urn:errand:token-type:ticket' }),
      actor_token: await stage.agent('one'),
      actor_token_type: JWT,
      scope: 'deploy:production',
    })

  const DELEGATES = { to: [agentId('one')], max_depth: 1, max_children: 3 }
  const rowOf = async (key: string): Promise<string> => String(await redis.command('GET', key))
  async function moveCredential(from: Credential, to: Credential): Promise<void> {
    const key = credentialKey(from.claims.jti as CredentialId)
    const row = await rowOf(key)
    const moved = row
      .replace(shortId(from.grantId), shortId(to.grantId))
      .replace(shortId(from.taskId), shortId(to.taskId))
    expect(moved).not.toBe(row)
    await redis.command('SET', key, moved, 'KEEPTTL')
  }

  test('a credential whose row is moved to another grant is handed on by nobody', async () => {
    const mine = stage.newRun()
    const alone = await grantFor(mine, {})
    expect(errorOf(await askTicket(mine, alone.token))).toBe('access_denied')
    const other = await grantFor(stage.newRun(), DELEGATES)
    await moveCredential(alone, other)
    expect((await askTicket(mine, alone.token)).status).not.toBe(200)
  })

  test('a stolen credential whose row names another run as its holder is handed on by nobody', async () => {
    const parent = await grantFor(stage.newRun(), DELEGATES)
    const thief = stage.newRun()
    expect((await askTicket(thief, parent.token)).status).not.toBe(200)
    const own = credentialOf(await stage.token(exchangeForm(await thief.assertion(), { scope: 'deploy:staging' })))
    const bodyOf = async (of: Credential) =>
      (await rowOf(credentialKey(of.claims.jti as CredentialId))).split('\n') as [string, string]
    const [head, body] = await bodyOf(parent)
    const [, thiefs] = await bodyOf(own)
    const { holder } = JSON.parse(thiefs) as { holder: string }
    const edited = `${head}\n${JSON.stringify({ ...(JSON.parse(body) as object), holder })}`
    await redis.command('SET', credentialKey(parent.claims.jti as CredentialId), edited, 'KEEPTTL')
    expect((await askTicket(thief, parent.token)).status).not.toBe(200)
  })

  test('nor is its ticket redeemed, when it is moved after the ticket was made', async () => {
    const mine = stage.newRun()
    const parent = await grantFor(mine, DELEGATES)
    const other = await grantFor(stage.newRun(), DELEGATES)
    const ticket = await askTicket(mine, parent.token)
    expect(ticket.status).toBe(200)
    await moveCredential(parent, other)
    expect((await redeem(String(ticket.body['access_token']))).status).not.toBe(200)
  })

  test('a parent whose row lives longer than it does has no child that outlives it', async () => {
    const mine = stage.newRun()
    const asked = await grantFor(mine, DELEGATES)
    const short = credentialOf(
      await stage.token(
        exchangeForm(await mine.assertion(), { scope: 'deploy:production', grant_id: asked.grantId, lifetime: '30' }),
      ),
    )
    const ticket = await askTicket(mine, short.token)
    const key = credentialKey(short.claims.jti as CredentialId)
    await redis.command('SET', key, (await rowOf(key)).replace(/^-\d+/, `-${stage.clock.now() + 3000}`), 'KEEPTTL')
    const child = await redeem(String(ticket.body['access_token']))
    if (child.status === 200) expect(credentialOf(child).claims.exp).toBeLessThanOrEqual(short.claims.exp ?? 0)
  })

  test.each([
    ['a lifetime that is no number', { lifetime: 'x' }],
    ['a lifetime of a fraction', { lifetime: 0.5 }],
    ['a negative lifetime', { lifetime: -5 }],
    ['an endless lifetime', { lifetime: 1e300 }],
    ['another scope', { access: { audience: DEPLOY, scope: 'deploy:rollback', authorization_details: [] } }],
    ['no scope at all', { access: { audience: DEPLOY, scope: '', authorization_details: [] } }],
    [
      'details of one own',
      { access: { audience: DEPLOY, scope: '', authorization_details: [{ type: 'database_query', tables: [] }] } },
    ],
    ['a list for a scope', { access: { audience: DEPLOY, scope: ['deploy:critical'], authorization_details: [] } }],
  ])('a deferred request with %s gets nothing more than was approved', async (_name, change) => {
    const run = stage.newRun()
    const { code, grantId } = await stage.deferred(run)
    await stage.review(grantId, 'approve')
    for (const key of (await redis.command('KEYS', '*d*')) as string[]) {
      if (!/^\{..\}d.{22}$/.test(key)) continue
      const row = await rowOf(key)
      if (!row.startsWith('o') || !row.includes(shortId(grantId))) continue
      const [head = '', body = ''] = row.split('\n')
      await redis.command(
        'SET',
        key,
        `${head}\n${JSON.stringify({ ...(JSON.parse(body) as object), ...change })}`,
        'KEEPTTL',
      )
    }
    const polled = await stage.poll(run, code)
    if (polled.status === 200) {
      const { claims } = credentialOf(polled)
      expect(claims['scope']).toBe('deploy:production')
      expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBeLessThanOrEqual(300)
    }
  })
})

describe('contract §1, Tasks: an ended key refuses for ever', () => {
  let redis: RedisServer
  let stage: Stage
  beforeAll(async () => {
    redis = await startRedis()
    stage = await openStage(onRedis(redis))
  })
  afterAll(() => stage.stop())

  test('so an errand under a long window is not forgotten sooner because a short grant has one of the same name', async () => {
    const days = 29
    const { iss } = decodeJwt(await stage.agent('planner'))
    await stage.window({
      delegate: { issuer: iss, subject: 'planner', claims: { sub: 'planner' } },
      task: { max_tasks: 2 },
      duration_seconds: days * 86_400,
    })
    const errandRow = async (): Promise<string> => {
      const keys = (await redis.command('KEYS', '{*}e*')) as string[]
      expect(keys).toHaveLength(1)
      return keys[0] ?? ''
    }
    const lasts = async (): Promise<number> => Number(await redis.command('PTTL', await errandRow()))
    const exchange = async (scope: string) =>
      stage.token(exchangeForm(await stage.agent('planner'), { scope, task: 'nightly' }))

    expect((await exchange('deploy:production')).status).toBe(200)
    const before = await lasts()
    expect(before).toBeGreaterThan(days * 86_400_000)
    expect((await exchange('deploy:staging')).status).toBe(200)
    expect(await lasts()).toBeGreaterThan(before - 60_000)
  })
})
