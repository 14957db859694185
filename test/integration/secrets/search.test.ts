import { randomBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { startBroker } from '../../support/broker.js'
import { createSecretKeeper, secretsIn } from '../../support/secrets.js'
import { exchangeForm } from '../../support/broker.js'

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const token = `${part({ alg: 'ES256', kid: 'k' })}.${part({ iss: 'https://issuer.example.com', sub: 'repo:acme/shop', jti: '0123456789abcdef' })}.${randomBytes(64).toString('base64url')}`
const code = `dc_${randomBytes(32).toString('base64url')}`
const key = randomBytes(32)

const keeper = createSecretKeeper()
keeper.keep(token, 'token')
keeper.keep(code, 'code')
keeper.keep(key, 'key')

const [, payload = '', signature = ''] = token.split('.')

describe('the search for secrets finds', () => {
  test.each([
    ['a whole token', `{"event":"x","detail":"${token}"}`, 'token'],
    ['a signature alone', `…${signature}…`, 'token'],
    ['a payload alone', `x ${payload} y`, 'token'],
    ['the middle of a signature', signature.slice(20, 60), 'token'],
    ['a signature in hex', Buffer.from(signature, 'base64url').toString('hex'), 'token'],
    ['a signature in base64', Buffer.from(signature, 'base64url').toString('base64'), 'token'],
    ['a deferral code', `"deferral_code":"${code}"`, 'code'],
    ['a deferral code without its prefix', code.slice(3), 'code'],
    ['a deferral code in base64', Buffer.from(code).toString('base64'), 'code'],
    ['a deferral code in hex', Buffer.from(code.slice(3), 'base64url').toString('hex'), 'code'],
    ['a key in base64', key.toString('base64'), 'key'],
    ['a key in hex', key.toString('hex'), 'key'],
    ['a key in base64url', key.toString('base64url'), 'key'],
  ])('%s', (_case, text, name) => {
    expect(keeper.foundIn(`before ${text} after`)).toEqual([name])
  })

  test('and nothing in what is public of them', () => {
    const header = token.slice(0, token.indexOf('.'))
    expect(keeper.foundIn(`${header} gr_4${'0'.repeat(33)} sha256:${'ab'.repeat(32)}`)).toEqual([])
  })

  test('what is a secret by its looks', () => {
    expect(secretsIn(`a=${token}&b=${code}`)).toEqual([token, code])
    expect(secretsIn('repository.actions-of.githubusercontent.example.com')).toEqual([])
  })
})

describe('a broker of a test whose secrets are written somewhere fails the test', () => {
  test('in a log', async () => {
    const broker = await startBroker()
    const { body } = await broker.post('/token', exchangeForm(await broker.assertion()))
    broker.logs.push(`{"event":"careless","detail":"${String(body['access_token'])}"}`)
    await expect(broker.stop()).rejects.toThrow('logs holds a credential or code that was handed over')
  })

  test('in evidence', async () => {
    const broker = await startBroker()
    const assertion = await broker.assertion()
    const event = { before: '{"seq":', after: `,"data":{"assertion":"${assertion}"}}`, shard: 3 }
    await broker.broker.stores.evidence.append([event])
    await expect(broker.stop()).rejects.toThrow('evidence holds an assertion')
  })

  test('in an answer', async () => {
    const broker = await startBroker()
    try {
      broker.secrets.keep('urn:errand:problem:invalid_token', 'a text of every refusal')
      await expect(broker.call('GET', '/grants')).rejects.toThrow(
        'GET /grants answered 401 holds a text of every refusal',
      )
    } finally {
      await broker.stop()
    }
  })

  test('a private member of a signing key, and the encryption key', async () => {
    const broker = await startBroker()
    const jwk = broker.broker.keys.current('ES256').privateKey.export({ format: 'jwk' })
    broker.logs.push(JSON.stringify({ error: jwk }))
    await expect(broker.stop()).rejects.toThrow('the member d of a signing key')
  })
})
