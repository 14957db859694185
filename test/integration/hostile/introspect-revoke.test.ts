import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { sha256Hex } from '../../../src/runtime/digest.js'
import { CLIENT_ASSERTION_TYPE, exchangeForm } from '../../support/broker.js'
import { openScene, unchanged, type Scene } from './scene.js'

let scene: Scene
const otherSecret = randomBytes(32).toString('base64url')
const OTHER = 'https://other.example.com'

beforeAll(async () => {
  scene = await openScene({
    config: ({ resources: [deploy, other] }) => ({
      resources: [
        deploy,
        {
          ...other,
          clients: [
            { id: 'other-api', auth: 'client_secret_basic', secret_sha256: sha256Hex(otherSecret) },
            // One resource server may stand for several audiences, with the same proof.
            ...(deploy?.clients ?? []),
          ],
        },
      ],
    }),
  })
  scene.broker.secrets.keep(otherSecret, 'the secret of a resource server')
})
afterAll(() => scene.broker.stop())

const basicOf = (id: string, secret: string) => ({
  Authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
})
const server = () => basicOf('deploy-api', scene.broker.secret)

describe('POST /introspect', () => {
  test.each<[string, () => Record<string, string>]>([
    ['nothing', () => ({})],
    ['a wrong secret', () => basicOf('deploy-api', 'wrong')],
    ['an empty secret', () => basicOf('deploy-api', '')],
    ['a secret and something after it', () => basicOf('deploy-api', `${scene.broker.secret} `)],
    ['the hash of the secret', () => basicOf('deploy-api', sha256Hex(scene.broker.secret))],
    ['an unknown id', () => basicOf('nobody', scene.broker.secret)],
    ['the id of another', () => basicOf('other-api', scene.broker.secret)],
    ['an id that is a name of Object', () => basicOf('__proto__', scene.broker.secret)],
    ['no colon', () => ({ Authorization: `Basic ${Buffer.from('deploy-api').toString('base64')}` })],
    ['no id', () => basicOf('', scene.broker.secret)],
    ['no base64', () => ({ Authorization: 'Basic !!!!' })],
    [
      'bytes that are not UTF-8',
      () => ({ Authorization: `Basic ${Buffer.from([0x64, 0x3a, 0xff]).toString('base64')}` }),
    ],
    ['a broken escape', () => basicOf('deploy-api', '%zz')],
    ['a Bearer secret', () => ({ Authorization: `Bearer ${scene.broker.secret}` })],
    ['the credential itself', () => ({ Authorization: `Bearer ${scene.active.token}` })],
    ['an empty header', () => ({ Authorization: '' })],
    ['30 KiB', () => basicOf('deploy-api', 'a'.repeat(20_000))],
  ])('with %s is 401 with a challenge, and nothing changes', async (_case, headers) => {
    const answer = await unchanged(
      scene,
      () => scene.broker.post('/introspect', { token: scene.active.token }, headers()),
      {
        verified: false,
      },
    )
    expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm=/)
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  test.each<[string, () => Record<string, string>]>([
    ['the token of a person', () => ({ client_assertion_type: CLIENT_ASSERTION_TYPE })],
    ['no type', () => ({})],
    ['another type', () => ({ client_assertion_type: 'urn:x' })],
  ])('with a client assertion that is %s is 401', async (_case, more) => {
    const form = { token: scene.active.token, client_assertion: await scene.broker.person('ann'), ...more() }
    const answer = await unchanged(scene, () => scene.broker.post('/introspect', form), { verified: false })
    expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
  })

  test.each<[string, () => [string, string][]]>([
    ['token is absent', () => []],
    ['token is empty', () => [['token', '']]],
    [
      'token is repeated',
      () => [
        ['token', scene.active.token],
        ['token', scene.active.token],
      ],
    ],
    [
      'an unknown parameter is repeated',
      () => [
        ['token', scene.active.token],
        ['x', '1'],
        ['x', '1'],
      ],
    ],
    [
      'two proofs come',
      () => [
        ['token', scene.active.token],
        ['client_assertion', 'x'],
        ['client_assertion_type', CLIENT_ASSERTION_TYPE],
      ],
    ],
  ])('%s: invalid_request', async (_case, form) => {
    const answer = await unchanged(scene, () =>
      scene.broker.fetch('/introspect', { method: 'POST', body: new URLSearchParams(form()), headers: server() }),
    )
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
  })

  test.each<[string, () => string | Promise<string>]>([
    ['a word', () => 'hello'],
    ['60,000 characters', () => 'a'.repeat(60_000)],
    ['a NUL', () => '\0'],
    ['an assertion', () => scene.broker.assertion()],
    ['the token of a person', () => scene.broker.person('ann')],
    ['a deferral code', () => scene.pending.code],
    ['an id of a credential', () => scene.active.credential],
    ['an id of a grant', () => scene.active.id],
    ['a credential with white space', () => `${scene.active.token} `],
    ['a credential with another signature', () => otherSignature(scene.active.token)],
    ['a credential without signature', () => scene.active.token.slice(0, scene.active.token.lastIndexOf('.') + 1)],
    [
      'a credential with another payload',
      () => scene.active.token.split('.').with(1, Buffer.from('{}').toString('base64url')).join('.'),
    ],
    ['a credential whose signature is not canonical', () => lenient(scene.active.token)],
  ])('of %s says only that it is not active', async (_case, make) => {
    const token = await make()
    const answer = await unchanged(scene, () => scene.broker.post('/introspect', { token }, server()))
    expect(answer.body).toEqual({ active: false })
  })

  test('of a credential for another audience says only that it is not active', async () => {
    const answer = await unchanged(scene, () =>
      scene.broker.post('/introspect', { token: scene.active.token }, basicOf('other-api', otherSecret)),
    )
    expect(answer.body).toEqual({ active: false })
  })

  test('of a credential for any of its own audiences says that it is active', async () => {
    const answer = await scene.broker.post('/introspect', { token: scene.active.token }, server())
    expect(answer.body).toMatchObject({ active: true, grant_id: scene.active.id })
    expect(answer.body['aud']).not.toBe(OTHER)
  })
})

function otherSignature(token: string): string {
  const at = token.lastIndexOf('.') + 1
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
}

/** The bits after the last whole byte are not zero. */
function lenient(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return token.slice(0, -1) + (alphabet[alphabet.indexOf(token.at(-1) ?? '') + 1] ?? '')
}

describe('POST /revoke', () => {
  test.each<[string, () => [string, string][], Record<string, string>]>([
    ['token is absent', () => [], {}],
    ['token is empty', () => [['token', '']], {}],
    [
      'token is repeated',
      () => [
        ['token', scene.active.token],
        ['token', scene.active.token],
      ],
      {},
    ],
    ['token is above 16 KiB', () => [['token', 'a'.repeat(17_000)]], {}],
    ['another Bearer accompanies it', () => [['token', scene.active.token]], { Authorization: 'Bearer abc' }],
    ['a Basic header accompanies it', () => [['token', scene.active.token]], { Authorization: 'Basic YTpi' }],
    [
      'a client assertion comes without its type',
      () => [
        ['token', scene.pending.code],
        ['client_assertion', 'x'],
      ],
      {},
    ],
  ])('%s: invalid_request, and nothing changes', async (_case, form, headers) => {
    const answer = await unchanged(
      scene,
      () => scene.broker.fetch('/revoke', { method: 'POST', body: new URLSearchParams(form()), headers }),
      { verified: false },
    )
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
  })

  test.each<[string, () => string | Promise<string>]>([
    ['a word', () => 'hello'],
    ['a NUL', () => '\0'],
    ['an assertion', () => scene.broker.assertion({ run_id: scene.active.run })],
    ['the token of a person', () => scene.broker.person('ann')],
    ['an id of a credential', () => scene.active.credential],
    ['an id of a grant', () => scene.active.id],
    ['a credential with another signature', () => otherSignature(scene.active.token)],
    ['a credential without signature', () => scene.active.token.slice(0, scene.active.token.lastIndexOf('.') + 1)],
    ['a credential with white space', () => `${scene.active.token} `],
    ['a credential whose signature is not canonical', () => lenient(scene.active.token)],
  ])('of %s is answered like any that is over (RFC 7009 §2.2), and nothing changes', async (_case, make) => {
    const token = await make()
    const answer = await unchanged(scene, () => scene.broker.post('/revoke', { token }), { verified: false })
    expect(answer).toMatchObject({ status: 200, body: { text: '' } })
  })

  test.each<[string, () => Promise<Record<string, string>>, number]>([
    ['without an assertion', () => Promise.resolve({}), 401],
    [
      'with a word for an assertion',
      () => Promise.resolve({ client_assertion: 'x', client_assertion_type: CLIENT_ASSERTION_TYPE }),
      401,
    ],
    [
      'with the assertion of another run',
      async () => ({
        client_assertion: await scene.broker.assertion({ run_id: 'run-thief' }),
        client_assertion_type: CLIENT_ASSERTION_TYPE,
      }),
      200,
    ],
    [
      'with the token of a person',
      async () => ({
        client_assertion: await scene.broker.person('ann'),
        client_assertion_type: CLIENT_ASSERTION_TYPE,
      }),
      401,
    ],
    [
      'with the client_id of somebody else',
      async () => ({
        client_id: 'x',
        client_assertion: await scene.broker.assertion({ run_id: scene.pending.run }),
        client_assertion_type: CLIENT_ASSERTION_TYPE,
      }),
      401,
    ],
  ])('of a deferral code %s cancels nothing', async (_case, proof, status) => {
    const form = { token: scene.pending.code, ...(await proof()) }
    const answer = await unchanged(scene, () => scene.broker.post('/revoke', form))
    expect(answer.status).toBe(status)
  })

  test('a hint that is wrong, or unknown, changes nothing about what the token is (RFC 7009 §2.1)', async () => {
    const issued = await scene.broker.post('/token', exchangeForm(await scene.broker.assertion({ run_id: 'run-hint' })))
    const token = String(issued.body['access_token'])
    expect((await scene.broker.post('/introspect', { token }, server())).body).toMatchObject({ active: true })
    expect(await scene.broker.post('/revoke', { token, token_type_hint: 'refresh_token' })).toMatchObject({
      status: 200,
    })
    expect((await scene.broker.post('/introspect', { token }, server())).body).toEqual({ active: false })
  })
})
