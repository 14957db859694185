import { createHmac, generateKeyPairSync, randomBytes, sign as signBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { CLIENT_ASSERTION_TYPE, exchangeForm } from '../../support/broker.js'
import { openScene, unchanged, type Scene } from './scene.js'

let scene: Scene
beforeAll(async () => {
  scene = await openScene()
})
afterAll(() => scene.broker.stop())

const now = (): number => Math.floor(Date.now() / 1000)
const claims = (changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  iss: scene.broker.ci.url,
  sub: 'repo:acme/shop',
  aud: scene.broker.url,
  iat: now(),
  exp: now() + 300,
  jti: randomBytes(16).toString('hex'),
  repository_id: '74',
  run_id: 'run-hostile',
  actor_id: '5',
  ...changes,
})
/** Signed by the issuer over exactly this. */
const signed = (changes: Readonly<Record<string, unknown>> = {}, header: Readonly<Record<string, unknown>> = {}) =>
  scene.broker.ci.sign(claims(changes), { header })
const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
/** Taken apart and put together with other parts, the signature as it was. */
const patched = (token: string, at: 0 | 1 | 2, text: string): string => token.split('.').with(at, text).join('.')

const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const own = (header: Readonly<Record<string, unknown>>, payload: unknown): string => {
  const input = `${part({ typ: 'JWT', ...header })}.${part(payload)}`
  const signature = signBytes('sha256', Buffer.from(input), { key: other.privateKey, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}
const kid = (): string => String(scene.broker.ci.jwks.keys[0]?.['kid'])

type Row = [string, () => string | Promise<string>]
const TOKENS: Row[] = [
  ['is signed by another key', () => own({ alg: 'ES256', kid: kid() }, claims())],
  ['brings its own key along', () => own({ alg: 'ES256', jwk: other.publicKey.export({ format: 'jwk' }) }, claims())],
  ['says where its key is', () => own({ alg: 'ES256', jku: 'http://127.0.0.1:1/jwks', kid: 'x' }, claims())],
  ['has alg none and no signature', () => `${part({ alg: 'none' })}.${part(claims())}.`],
  ['has alg none and a signature', () => `${part({ alg: 'none' })}.${part(claims())}.AAAA`],
  ['has alg nOnE', () => `${part({ alg: 'nOnE' })}.${part(claims())}.`],
  ['has HS256 by the public key', () => hs256()],
  ['has an alg that is an array', () => patchedHeader({ alg: ['ES256'] })],
  ['has an alg that is a name of Object', () => patchedHeader({ alg: '__proto__' })],
  ['has no alg', () => patchedHeader({ alg: undefined })],
  ['has a kid that is a number', () => patchedHeader({ kid: 1 })],
  ['has a kid that is a path', () => signed({}, { kid: '../../../../dev/null' })],
  ['has a kid of 10,000 characters', () => signed({}, { kid: 'k'.repeat(9000) })],
  ['has an unknown kid', () => signed({}, { kid: 'unknown' })],
  ['has crit', () => scene.broker.ci.sign(claims(), { header: { crit: ['b64'], b64: true } })],
  ['is a DPoP proof by its type', () => signed({}, { typ: 'dpop+jwt' })],
  ['is a logout token by its type', () => signed({}, { typ: 'logout+jwt' })],
  ['is a security event by its type', () => signed({}, { typ: 'secevent+jwt' })],
  ['is a ticket by its type', () => signed({}, { typ: 'errand-ticket+jwt' })],
  ['has a typ of null', () => signed({}, { typ: null })],
  ['has a header that is no JSON', () => own1('not json')],
  ['has a header that is an array', () => own1('["alg"]')],
  ['has alg twice', () => own1('{"alg":"none","alg":"ES256"}')],
  ['has a header 40 deep', () => own1(`{"alg":"ES256","x":${'['.repeat(40)}${']'.repeat(40)}}`)],
  ['has an empty payload', async () => patched(await signed(), 1, '')],
  ['has a payload that is null', () => scene.broker.ci.sign({ toJSON: () => null })],
  ['has a changed payload', async () => patched(await signed(), 1, part(claims({ repository_id: '75' })))],
  ['has an empty signature', async () => patched(await signed(), 2, '')],
  ['has a signature of zeros', async () => patched(await signed(), 2, Buffer.alloc(64).toString('base64url'))],
  [
    'has a signature in DER',
    async () => patched(await signed(), 2, Buffer.from([0x30, 6, 2, 1, 1, 2, 1, 1]).toString('base64url')),
  ],
  ['has a signature twice as long', async () => patched(await signed(), 2, Buffer.alloc(128, 1).toString('base64url'))],
  ['has no iss', () => signed({ iss: undefined })],
  ['has an unknown iss', () => signed({ iss: 'https://evil.example.com' })],
  ['has an iss that is an array of one', () => signed({ iss: [scene.broker.ci.url] })],
  ['has an iss that is an object', () => signed({ iss: { toString: scene.broker.ci.url } })],
  ['has an iss with a slash more', () => signed({ iss: `${scene.broker.ci.url}/` })],
  ['has an iss that is a name of Object', () => signed({ iss: '__proto__' })],
  ['has this broker for iss', () => signed({ iss: scene.broker.url })],
  ['has the people’s issuer for iss', () => signed({ iss: scene.broker.corp.url })],
  ['has no aud', () => signed({ aud: undefined })],
  ['has another aud', () => signed({ aud: 'https://errand.example.com' })],
  ['has an aud that is a prefix', () => signed({ aud: scene.broker.url.slice(0, -1) })],
  ['has an aud that is an object', () => signed({ aud: { 0: scene.broker.url } })],
  ['has an aud with a number in it', () => signed({ aud: [scene.broker.url, 1] })],
  ['has an empty aud', () => signed({ aud: [] })],
  ['has no exp', () => signed({ exp: undefined })],
  ['has expired this second', () => signed({ exp: now() })],
  ['has a negative exp', () => signed({ exp: -1 })],
  ['has an exp that is a text', () => signed({ exp: String(now() + 300) })],
  ['has an exp of null', () => signed({ exp: null })],
  ['has an exp beyond all time', () => signed({ exp: 1e300 })],
  [
    'has an exp that is infinite',
    async () =>
      resignedText(
        `{"iss":"${scene.broker.ci.url}","sub":"repo:acme/shop","aud":"${scene.broker.url}","exp":1e999,"iat":${now()},"jti":"j","repository_id":"74","run_id":"r"}`,
      ),
  ],
  ['is not valid yet', () => signed({ nbf: now() + 120 })],
  ['was issued in the future', () => signed({ iat: now() + 120 })],
  ['has an nbf that is a text', () => signed({ nbf: 'soon' })],
  ['has an empty sub', () => signed({ sub: '' })],
  ['has a sub that is a number', () => signed({ sub: 7 })],
  ['has a sub with a NUL', () => signed({ sub: 'repo:acme\0shop' })],
  ['has a sub of 2,000 characters', () => signed({ sub: 'a'.repeat(2000) })],
  ['has an empty jti', () => signed({ jti: '' })],
  ['has a jti that is a number', () => signed({ jti: 5 })],
  ['acts for somebody', () => signed({ act: { sub: 'x' } })],
  ['acts for nobody, and says so', () => signed({ act: null })],
  ['is bound to a key that nobody showed', () => signed({ cnf: { jkt: 'x' } })],
  ['has no anchor', () => signed({ repository_id: undefined })],
  ['has an anchor that is an object', () => signed({ repository_id: { a: 1 } })],
  ['has an anchor that is an array', () => signed({ repository_id: ['74'] })],
  ['has an empty anchor', () => signed({ repository_id: '' })],
  ['has an anchor of 2,000 characters', () => signed({ repository_id: 'a'.repeat(2000) })],
  ['has no run id', () => signed({ run_id: undefined })],
  ['has a run id that is null', () => signed({ run_id: null })],
  [
    'has a member twice',
    async () =>
      resignedText(
        `{"iss":"${scene.broker.ci.url}","aud":"${scene.broker.url}","sub":"a","sub":"repo:acme/shop","exp":${now() + 300},"repository_id":"74","run_id":"r"}`,
      ),
  ],
  [
    'has half of a surrogate pair',
    async () =>
      resignedText(
        `{"iss":"${scene.broker.ci.url}","aud":"${scene.broker.url}","sub":"\\ud800","exp":${now() + 300},"repository_id":"74","run_id":"r"}`,
      ),
  ],
  ['has __proto__ for its claims', async () => resignedText(`{"__proto__":${JSON.stringify(claims())}}`)],
  ['is 40 deep', () => signed({ deep: JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`) as unknown })],
  ['is above 16 KiB', () => signed({ more: 'a'.repeat(13_000) })],
]

const patchedHeader = async (change: Readonly<Record<string, unknown>>): Promise<string> =>
  patched(await signed(), 0, part({ alg: 'ES256', typ: 'JWT', kid: kid(), ...change }))
const own1 = async (header: string): Promise<string> => patched(await signed(), 0, part(header))
const resignedText = (payload: string): Promise<string> => scene.broker.ci.signText(payload)
function hs256(): string {
  const input = `${part({ alg: 'HS256', typ: 'JWT', kid: kid() })}.${part(claims())}`
  const secret = JSON.stringify(scene.broker.ci.jwks.keys[0])
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

describe('an assertion proves nothing, at any endpoint, and nothing changes, when it', () => {
  test.each(TOKENS)('%s', async (_case, make) => {
    const token = await make()
    const client = { client_assertion: token, client_assertion_type: CLIENT_ASSERTION_TYPE }
    const { broker, active, pending } = scene
    await unchanged(
      scene,
      async () => {
        const subject = await broker.post('/token', exchangeForm(token))
        expect(subject).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
        const credentials = await broker.post('/token', {
          ...client,
          grant_type: 'client_credentials',
          audience: 'https://deploy.example.com',
          scope: 'deploy:staging',
        })
        expect(credentials.body).toMatchObject({ error: token.length > 16_384 ? 'invalid_request' : 'invalid_client' })
        const revoked = await broker.post('/revoke', { ...client, token: pending.code })
        expect([200, 400, 401]).toContain(revoked.status)
        const introspected = await broker.post('/introspect', { ...client, token: active.token })
        expect(introspected).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
        if (/^[\w.~+/-]+=*$/.test(token)) {
          expect(await broker.call('GET', '/grants', token)).toMatchObject({ status: 401 })
          expect(await broker.call('POST', `/tasks/${active.task}/complete`, token)).toMatchObject({ status: 401 })
        }
        return subject
      },
      { verified: false },
    )
  })
})

describe('an assertion that is good proves a workload, and nothing else', () => {
  test('of another workload: it neither sees nor ends what is not its own, and both look alike', async () => {
    const { broker, active, pending } = scene
    const stranger = () => broker.assertion({ repository_id: '75', run_id: 'run-pending' })
    const unknown = `gr_4${'0'.repeat(33)}`
    for (const id of [pending.id, active.id, unknown]) {
      const read = await unchanged(scene, async () => broker.call('GET', `/grants/${id}`, await stranger()))
      expect(read).toMatchObject({ status: 404, body: { type: 'urn:errand:problem:not_found' } })
      const ended = await unchanged(scene, async () => broker.call('POST', `/grants/${id}/revoke`, await stranger()))
      expect(ended.status).toBe(404)
    }
    for (const id of [active.task, `tk_4${'0'.repeat(33)}`])
      for (const path of [`/tasks/${id}/complete`, `/tasks/${id}/heartbeat`]) {
        const answer = await unchanged(scene, async () => broker.call('POST', path, await stranger()))
        expect(answer).toMatchObject({ status: 404, body: { type: 'urn:errand:problem:not_found' } })
      }
  })

  test('invariant 7: whatever groups and roles it claims, it reviews nothing and reads no evidence', async () => {
    const { broker, pending } = scene
    const grand = () =>
      broker.assertion({
        groups: ['platform', 'security', 'audit', 'operators'],
        auth_time: now(),
        roles: ['approver'],
      })
    const review = await unchanged(scene, async () =>
      broker.call('POST', `/grants/${pending.id}/reviews`, await grand(), {
        decision: 'approve',
        digest: pending.digest,
      }),
    )
    expect(review).toMatchObject({ status: 403, body: { type: 'urn:errand:problem:forbidden' } })
    const events = await unchanged(scene, async () => broker.call('GET', '/evidence/events', await grand()))
    expect(events.status).toBe(403)
  })
})
