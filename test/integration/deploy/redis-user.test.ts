import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { at } from '../../../config/tooling/paths.mjs'
import { DEPLOY, deferredForm, exchangeForm, pollForm, startBroker, type TestBroker } from '../../support/broker.js'
import { turnableClock, type TurnableClock } from '../../support/clock.js'
import { startRedis, type RedisServer } from '../../support/redis-server.js'

const SECRETS = ['encryption.key', 'redis.acl', 'redis.password'] as const

/** What Redis must have of deploy/redis.conf; where it listens and what it reads is this test's own. */
const settingsOf = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)] as const)
      .filter(([name]) => !['port', 'bind', 'dir', 'aclfile'].includes(name)),
  )

describe('deploy/: Redis as compose.yaml runs it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'errand-secrets-'))
  let redis: RedisServer
  let broker: TestBroker
  let clock: TurnableClock

  beforeAll(async () => {
    execFileSync(at('deploy/make-secrets'), [folder], { stdio: 'ignore' })
    // The default user stays for this test's own questions; the broker never is it.
    const acl = join(folder, 'test.acl')
    writeFileSync(
      acl,
      readFileSync(join(folder, 'redis.acl'), 'utf8').replace('user default off', 'user default on nopass ~* &* +@all'),
    )
    const settings = settingsOf(readFileSync(at('deploy/redis.conf'), 'utf8'))
    redis = await startRedis({ settings: { ...settings, aclfile: acl } })
    clock = turnableClock(Math.floor(Date.now() / 1000))
    broker = await startBroker({
      clock,
      store: {
        url: `redis://errand@127.0.0.1:${redis.port}`,
        password_file: join(folder, 'redis.password'),
        durability: 'strict',
      },
    })
  })

  afterAll(async () => {
    await broker.stop()
    await redis.stop()
    rmSync(folder, { recursive: true })
  })

  test('make-secrets: a folder for its owner alone, files that only containers get to, nothing replaced', () => {
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    const before = SECRETS.map((name) => readFileSync(join(folder, name), 'utf8'))
    for (const name of SECRETS) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o444)
    execFileSync(at('deploy/make-secrets'), [folder], { stdio: 'ignore' })
    expect(SECRETS.map((name) => readFileSync(join(folder, name), 'utf8'))).toEqual(before)
  })

  test('the ACL file names no password, only its hash', () => {
    const password = readFileSync(join(folder, 'redis.password'), 'utf8').trim()
    expect(password).toHaveLength(64)
    expect(readFileSync(join(folder, 'redis.acl'), 'utf8')).not.toContain(password)
  })

  test('the user may do all that Errand asks, and nothing was denied', async () => {
    const asked = await broker.post('/token', deferredForm(await broker.assertion()))
    expect(asked.body).toMatchObject({ error: 'authorization_pending' })
    const id = String(asked.body['grant_id'])
    const joined = await broker.post('/token', deferredForm(await broker.assertion()))
    expect(joined.body).toMatchObject({ error: 'authorization_pending', grant_id: id })
    expect(await cancel(String(joined.body['deferral_code']))).toMatchObject({ status: 200 })

    const listed = await broker.call('GET', '/grants?status=pending', await broker.person('ann'))
    expect(listed).toMatchObject({ status: 200, body: { grants: [{ id }] } })
    expect(await broker.call('GET', '/grants', await broker.person('ann'))).toMatchObject({ status: 200 })
    expect(await review(id)).toMatchObject({ status: 201 })

    clock.advance(5)
    const code = String(asked.body['deferral_code'])
    const issued = await broker.post('/token', pollForm(code, await broker.assertion()))
    expect(issued).toMatchObject({ status: 200 })
    const token = String(issued.body['access_token'])
    expect(await introspect(token)).toMatchObject({ active: true })

    const task = `/tasks/${String(issued.body['task_id'])}`
    expect(await broker.call('POST', `${task}/heartbeat`, await broker.assertion())).toMatchObject({ status: 200 })
    expect(await broker.post('/revoke', { token })).toMatchObject({ status: 200 })
    expect(await introspect(token)).toEqual({ active: false })
    expect(await broker.call('POST', `${task}/complete`, await broker.assertion())).toMatchObject({ status: 200 })

    expect(await broker.post('/token', exchangeForm(await broker.assertion({ run_id: 'by-rule' })))).toMatchObject({
      status: 200,
    })
    const events = await broker.call('GET', '/evidence/events', await broker.person('eve', { groups: ['audit'] }))
    expect(events).toMatchObject({ status: 200 })
    expect((await fetch(`${broker.url}/metrics`)).status).toBe(200)
    expect((await fetch(`${broker.url}/readyz`)).status).toBe(200)
    expect(await broker.broker.keys.rotate('test')).toMatchObject({ ok: true })

    // Leases and grants run out, and are swept; ended grants are forgotten in the end.
    clock.advance(40 * 86_400)
    await broker.broker.sweeper.sweep()
    expect(await redis.command('ACL', 'LOG')).toEqual([])
  })

  test('the user may do nothing else', async () => {
    const dryRun = (...words: readonly string[]) => redis.command('ACL', 'DRYRUN', 'errand', ...words)
    expect(await dryRun('GET', '{00}g')).toBe('OK')
    for (const words of [
      ['FLUSHALL'],
      ['CONFIG', 'SET', 'appendonly', 'no'],
      ['KEYS', '*'],
      ['GET', 'other'],
      ['ACL', 'LIST'],
      ['DEBUG', 'SLEEP', '0'],
      ['SHUTDOWN'],
    ])
      await expect(dryRun(...words)).resolves.toMatch(/has no permissions/)
  })

  const review = async (id: string) => {
    const read = await broker.call('GET', `/grants/${id}`, await broker.person('ann'))
    return broker.call('POST', `/grants/${id}/reviews`, await broker.person('ann'), {
      decision: 'approve',
      digest: read.body['digest'],
    })
  }

  const cancel = async (code: string) => {
    const { client_assertion, client_assertion_type } = pollForm(code, await broker.assertion())
    return broker.post('/revoke', {
      token: code,
      token_type_hint: 'urn:ietf:params:oauth:token-type:deferral-code',
      client_assertion: client_assertion ?? '',
      client_assertion_type: client_assertion_type ?? '',
    })
  }

  const introspect = async (token: string) => {
    const basic = { Authorization: `Basic ${Buffer.from(`deploy-api:${broker.secret}`).toString('base64')}` }
    return (await broker.post('/introspect', { token, resource: DEPLOY }, basic)).body
  }
})
