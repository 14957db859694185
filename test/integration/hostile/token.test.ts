import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { CLIENT_ASSERTION_TYPE, DEPLOY, exchangeForm, pollForm } from '../../support/broker.js'
import { openScene, unchanged, type Scene } from './scene.js'

let scene: Scene
/** One assertion for every refused request of this file: at the end it must still serve, so nothing has spent it. */
let assertion: string

beforeAll(async () => {
  scene = await openScene()
  // One in fifteen has neither `-` nor `_` in it, and is the same in base64 as in base64url.
  do assertion = await scene.broker.assertion({ run_id: 'run-hostile' })
  while (!/[-_]/.test(assertion))
})
afterAll(() => scene.broker.stop())

type Form = [string, string][]
const form = (parameters: Readonly<Record<string, string>>): Form => Object.entries(parameters)
const good = (): Form => form(exchangeForm(assertion))
const without = (name: string) => (): Form => good().filter(([known]) => known !== name)
const set = (name: string, value: string) => (): Form => [...without(name)(), [name, value]]
const plus = (name: string, value: string) => (): Form => [...good(), [name, value]]

const send = (parameters: Form, headers: Record<string, string> = {}) =>
  scene.broker.fetch('/token', { method: 'POST', body: new URLSearchParams(parameters), headers })

const JWT = 'urn:ietf:params:oauth:token-type:jwt'
const UNKNOWN_GRANT = `gr_4${'0'.repeat(33)}`
const details = (text: string) => plus('authorization_details', text)
const nested = (depth: number): string => `${'[{"a":'.repeat(depth)}1${'}]'.repeat(depth)}`

type Row = [string, () => Form, string]
const EXCHANGE: Row[] = [
  ['grant_type is absent', without('grant_type'), 'invalid_request'],
  ['grant_type is empty, which is absent', set('grant_type', ''), 'invalid_request'],
  ['grant_type is unknown', set('grant_type', 'password'), 'unsupported_grant_type'],
  [
    'grant_type differs in case',
    set('grant_type', 'URN:ietf:params:oauth:grant-type:token-exchange'),
    'unsupported_grant_type',
  ],
  ['grant_type is a name of Object', set('grant_type', '__proto__'), 'unsupported_grant_type'],
  [
    'grant_type has a NUL',
    set('grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange\0'),
    'unsupported_grant_type',
  ],
  [
    'grant_type is written as an array',
    () => [...without('grant_type')(), ['grant_type[]', 'client_credentials']],
    'invalid_request',
  ],
  ['grant_type is repeated', plus('grant_type', 'client_credentials'), 'invalid_request'],
  ['grant_type is repeated, empty', plus('grant_type', ''), 'invalid_request'],
  ['subject_token is absent', without('subject_token'), 'invalid_request'],
  ['subject_token is empty', set('subject_token', ''), 'invalid_request'],
  ['subject_token is repeated', () => [...good(), ['subject_token', assertion]], 'invalid_request'],
  [
    'subject_token is above 16 KiB',
    set('subject_token', `eyJhbGciOiJFUzI1NiJ9.${'A'.repeat(17_000)}.AAAA`),
    'invalid_request',
  ],
  ['subject_token is no token', set('subject_token', 'hello'), 'invalid_request'],
  ['subject_token is dots', set('subject_token', '...'), 'invalid_request'],
  ['subject_token is many dots', set('subject_token', '.'.repeat(16_000)), 'invalid_request'],
  ['subject_token has white space after it', () => set('subject_token', `${assertion} `)(), 'invalid_request'],
  ['subject_token has a newline after it', () => set('subject_token', `${assertion}\n`)(), 'invalid_request'],
  ['subject_token has a NUL after it', () => set('subject_token', `${assertion}\0`)(), 'invalid_request'],
  ['subject_token has padding', () => set('subject_token', `${assertion}==`)(), 'invalid_request'],
  ['subject_token has four parts', () => set('subject_token', `${assertion}.AAAA`)(), 'invalid_request'],
  [
    'subject_token is in JSON serialization',
    () => set('subject_token', jsonSerialized(assertion))(),
    'invalid_request',
  ],
  [
    'subject_token is not canonical base64url',
    () => set('subject_token', nonCanonical(assertion))(),
    'invalid_request',
  ],
  [
    'subject_token is in base64, not base64url',
    () => set('subject_token', assertion.replaceAll('-', '+').replaceAll('_', '/'))(),
    'invalid_request',
  ],
  ['subject_token has Bearer before it', () => set('subject_token', `Bearer ${assertion}`)(), 'invalid_request'],
  ['subject_token_type is absent', without('subject_token_type'), 'invalid_request'],
  [
    'subject_token_type is unknown',
    set('subject_token_type', 'urn:ietf:params:oauth:token-type:saml2'),
    'invalid_request',
  ],
  [
    'subject_token_type is that of a credential',
    set('subject_token_type', 'urn:ietf:params:oauth:token-type:access_token'),
    'invalid_request',
  ],
  [
    'subject_token_type is that of a ticket',
    set('subject_token_type', 'urn:errand:token-type:ticket'),
    'invalid_request',
  ],
  [
    'an actor_token comes without a ticket',
    () => [...good(), ['actor_token', assertion], ['actor_token_type', JWT]],
    'invalid_request',
  ],
  ['an actor_token_type comes alone', plus('actor_token_type', JWT), 'invalid_request'],
  ['audience is absent', without('audience'), 'invalid_target'],
  ['audience is empty', set('audience', ''), 'invalid_target'],
  ['audience is unknown', set('audience', 'https://nowhere.example.com'), 'invalid_target'],
  ['audience is a name of Object', set('audience', 'constructor'), 'invalid_target'],
  ['audience has another path', set('audience', `${DEPLOY}/x`), 'invalid_target'],
  ['audience has credentials in it', set('audience', 'https://user@deploy.example.com'), 'invalid_target'],
  ['audience has a NUL', set('audience', `${DEPLOY}\0`), 'invalid_target'],
  ['audience has a space before it', set('audience', ` ${DEPLOY}`), 'invalid_target'],
  ['audience has a newline in it', set('audience', DEPLOY.replace('.', '.\n')), 'invalid_target'],
  ['audience is 60,000 characters', set('audience', `https://${'a'.repeat(45_000)}`), 'invalid_target'],
  ['two audiences', plus('audience', 'https://other.example.com'), 'invalid_target'],
  ['audience and resource differ', plus('resource', 'https://other.example.com'), 'invalid_target'],
  ['scope is absent', without('scope'), 'invalid_scope'],
  ['scope is empty', set('scope', ''), 'invalid_scope'],
  ['scope is a space', set('scope', ' '), 'invalid_scope'],
  ['scope is unknown', set('scope', 'deploy:everything'), 'invalid_scope'],
  ['scope is a name of Object', set('scope', '__proto__ constructor'), 'invalid_scope'],
  ['scope is known at another audience only', set('scope', 'read'), 'invalid_scope'],
  ['scope has a quote', set('scope', 'deploy:"staging"'), 'invalid_scope'],
  ['scope has a tab', set('scope', 'deploy:staging\tread'), 'invalid_scope'],
  ['scope has a NUL', set('scope', 'deploy:staging\0'), 'invalid_scope'],
  ['scope has letters that look alike', set('scope', 'dеploy:staging'), 'invalid_scope'],
  ['scope is above 2048 characters', set('scope', 'deploy:staging '.repeat(200)), 'invalid_scope'],
  ['scope is repeated', plus('scope', 'deploy:staging'), 'invalid_request'],
  ['scopes need people and rules', set('scope', 'deploy:staging deploy:production'), 'access_denied'],
  ['authorization_details is no JSON', details('type'), 'invalid_authorization_details'],
  ['authorization_details is an object', details('{"type":"a"}'), 'invalid_authorization_details'],
  ['authorization_details is null', details('null'), 'invalid_authorization_details'],
  ['authorization_details is an empty array', details('[]'), 'invalid_authorization_details'],
  ['authorization_details is an array of text', details('["a"]'), 'invalid_authorization_details'],
  ['authorization_details is an array of arrays', details('[[{"type":"a"}]]'), 'invalid_authorization_details'],
  ['authorization_details has no type', details('[{"a":1}]'), 'invalid_authorization_details'],
  ['authorization_details has a type that is a number', details('[{"type":1}]'), 'invalid_authorization_details'],
  [
    'authorization_details has a type from a prototype',
    details('[{"__proto__":{"type":"a"}}]'),
    'invalid_authorization_details',
  ],
  ['authorization_details has an unknown type', details('[{"type":"a"}]'), 'invalid_authorization_details'],
  [
    'authorization_details has a name of Object for a type',
    details('[{"type":"toString"}]'),
    'invalid_authorization_details',
  ],
  [
    'authorization_details has 17 elements',
    details(JSON.stringify(Array(17).fill({ type: 'a' }))),
    'invalid_authorization_details',
  ],
  ['authorization_details is 33 deep', details(`[{"type":"a","b":${nested(16)}}]`), 'invalid_authorization_details'],
  ['authorization_details is 10,000 deep', details('['.repeat(10_000)), 'invalid_authorization_details'],
  [
    'authorization_details is 5,000 deep and closed',
    details(`[{"type":"a","b":${'['.repeat(5000)}${']'.repeat(5000)}}]`),
    'invalid_authorization_details',
  ],
  ['authorization_details has a member twice', details('[{"type":"a","type":"b"}]'), 'invalid_authorization_details'],
  [
    'authorization_details is repeated',
    () => [...good(), ['authorization_details', '[]'], ['authorization_details', '[]']],
    'invalid_request',
  ],
  [
    'requested_token_type is unknown',
    plus('requested_token_type', 'urn:ietf:params:oauth:token-type:refresh_token'),
    'invalid_request',
  ],
  [
    'requested_token_type is a ticket',
    () => [
      ...good(),
      ['requested_token_type', 'urn:errand:token-type:ticket'],
      ['actor', 'spiffe://errand.test/ci/74'],
    ],
    'invalid_request',
  ],
  [
    'requested_token_type is a ticket without an actor',
    plus('requested_token_type', 'urn:errand:token-type:ticket'),
    'invalid_request',
  ],
  [
    'a certificate is asked for without csr',
    plus('requested_token_type', 'urn:errand:token-type:x509-certificate'),
    'invalid_request',
  ],
  [
    'a certificate is asked for where none is issued',
    () => [...good(), ['requested_token_type', 'urn:errand:token-type:x509-certificate'], ['csr', 'AAAA']],
    'invalid_request',
  ],
  ['csr comes for a JWT', plus('csr', 'AAAA'), 'invalid_request'],
  ['actor comes without a ticket', plus('actor', 'spiffe://errand.test/ci/74'), 'invalid_request'],
  ['grant_id is no id', plus('grant_id', '../../etc/passwd'), 'invalid_grant'],
  ['grant_id is unknown', plus('grant_id', UNKNOWN_GRANT), 'invalid_grant'],
  ['grant_id is of another run', () => plus('grant_id', scene.pending.id)(), 'invalid_grant'],
  ['grant_id is in capitals', () => plus('grant_id', scene.active.id.toUpperCase())(), 'invalid_grant'],
  ['grant_id is very long', plus('grant_id', `gr_4${'0'.repeat(40_000)}`), 'invalid_grant'],
  ['task has a space', plus('task', 'a b'), 'invalid_request'],
  ['task has a NUL', plus('task', 'a\0'), 'invalid_request'],
  ['task is not ASCII', plus('task', 'tâche'), 'invalid_request'],
  ['task has 129 characters', plus('task', 'a'.repeat(129)), 'invalid_request'],
  ...['-1', '0', '00', '+5', '1.5', '1e3', '0x10', ' 5', '٣', 'NaN', 'Infinity', '9'.repeat(30), '1'.repeat(10)].map(
    (lifetime): Row => [`lifetime is ${lifetime}`, plus('lifetime', lifetime), 'invalid_request'],
  ),
  ['purpose has 501 characters', plus('purpose', 'a'.repeat(501)), 'invalid_request'],
  ['purpose has 501 characters of two units', plus('purpose', '🙂'.repeat(501)), 'invalid_request'],
  ['client_assertion comes without its type', () => [...good(), ['client_assertion', assertion]], 'invalid_request'],
  ['client_assertion_type comes alone', plus('client_assertion_type', CLIENT_ASSERTION_TYPE), 'invalid_request'],
  [
    'client_assertion_type is that of SAML',
    () => [
      ...good(),
      ['client_assertion', assertion],
      ['client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer'],
    ],
    'invalid_request',
  ],
  [
    'client_assertion is no token',
    () => [...good(), ['client_assertion', 'x'], ['client_assertion_type', CLIENT_ASSERTION_TYPE]],
    'invalid_client',
  ],
  [
    'client_id is not the one of the assertion',
    () => [
      ...good(),
      ['client_assertion', assertion],
      ['client_assertion_type', CLIENT_ASSERTION_TYPE],
      ['client_id', 'somebody'],
    ],
    'invalid_client',
  ],
  ['an unknown parameter is repeated', () => [...good(), ['x', '1'], ['x', '2']], 'invalid_request'],
  ['nothing covers it and nobody waits', set('scope', 'deploy:production'), 'access_denied'],
  [
    'people are asked without a purpose',
    () => [...set('scope', 'deploy:production')(), ['completion_mode', 'deferred']],
    'access_denied',
  ],
  [
    'people are asked with a purpose of control characters',
    () => [
      ...set('scope', 'deploy:production')(),
      ['completion_mode', 'deferred'],
      ['purpose', '\0\u202e\u200b'],
      ...clientOf(assertion),
    ],
    'access_denied',
  ],
  [
    'people are asked by who cannot be told apart later',
    () => [...set('scope', 'deploy:production')(), ['completion_mode', 'deferred'], ['purpose', 'why']],
    'access_denied',
  ],
]

const clientOf = (token: string): Form => [
  ['client_assertion', token],
  ['client_assertion_type', CLIENT_ASSERTION_TYPE],
]

/** RFC 7515 §7.2. */
function jsonSerialized(token: string): string {
  const [header, payload, signature] = token.split('.')
  return JSON.stringify({ protected: header, payload, signature })
}

/** The bits after the last whole byte are not zero: lenient decoders read the same bytes. */
function nonCanonical(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(token.at(-1) ?? '')
  return token.slice(0, -1) + (alphabet[last + 1] ?? '')
}

const STATUS: Readonly<Record<string, number>> = { invalid_client: 401 }

describe('POST /token refuses, and nothing changes, when', () => {
  test.each(EXCHANGE)('%s', async (_case, parameters, error) => {
    const answer = await unchanged(scene, () => send(parameters()))
    expect(answer).toMatchObject({ status: STATUS[error] ?? 400, body: { error } })
    expect(answer.headers.get('cache-control')).toBe('no-store')
    // RFC 6749 §5.2: what error_description may be written with.
    expect(String(answer.body['error_description'])).toMatch(/^[\x20\x21\x23-\x5B\x5D-\x7E]+$/)
  })

  test('client_credentials comes without its assertion', async () => {
    const answer = await unchanged(scene, () =>
      send(form({ grant_type: 'client_credentials', audience: DEPLOY, scope: 'deploy:staging' })),
    )
    expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
  })

  test('a credential of ours is the subject_token, whatever it is called', async () => {
    for (const type of ['jwt', 'id_token', 'access_token']) {
      const asked = [
        ...set('subject_token', scene.active.token)().filter(([name]) => name !== 'subject_token_type'),
        ['subject_token_type', `urn:ietf:params:oauth:token-type:${type}`] as [string, string],
      ]
      const answer = await unchanged(scene, () => send(asked), { verified: false })
      expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
    }
  })

  test.each([
    ['Basic credentials', { Authorization: 'Basic YTpi' }],
    ['a Bearer token', { Authorization: 'Bearer abc' }],
  ])('%s come with it: no header is read here', async (_case, headers) => {
    const answer = await unchanged(scene, () => send(good(), headers), { verified: false })
    expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
  })
})

describe('a poll refuses, and nothing changes, when', () => {
  const poll = async (changes: Readonly<Record<string, string | undefined>>, run = 'run-pending'): Promise<Form> =>
    form(
      Object.fromEntries(
        Object.entries({
          ...pollForm(scene.pending.code, await scene.broker.assertion({ run_id: run })),
          ...changes,
        }).filter((entry): entry is [string, string] => entry[1] !== undefined),
      ),
    )
  test.each<[string, () => Promise<Form>, number, string]>([
    ['the code is absent', () => poll({ deferral_code: undefined }), 400, 'invalid_request'],
    ['the code is empty', () => poll({ deferral_code: '' }), 400, 'invalid_request'],
    ['the code is no code', () => poll({ deferral_code: 'dc_x' }), 400, 'invalid_grant'],
    ['the code is unknown', () => poll({ deferral_code: `dc_${'A'.repeat(43)}` }), 400, 'invalid_grant'],
    ['the code has white space', () => poll({ deferral_code: `${scene.pending.code} ` }), 400, 'invalid_grant'],
    ['the code is very long', () => poll({ deferral_code: `dc_${'A'.repeat(40_000)}` }), 400, 'invalid_grant'],
    ['completion_mode comes with it', () => poll({ completion_mode: 'deferred' }), 400, 'invalid_request'],
    [
      'no assertion comes with it',
      () => poll({ client_assertion: undefined, client_assertion_type: undefined }),
      401,
      'invalid_client',
    ],
    ['another run has the code', () => poll({}, 'run-thief'), 400, 'invalid_grant'],
    ['the assertion is no token', () => poll({ client_assertion: 'x' }), 401, 'invalid_client'],
    ['client_id is somebody else', () => poll({ client_id: 'somebody' }), 401, 'invalid_client'],
    ['an actor_token comes with it', () => poll({ actor_token: 'x', actor_token_type: JWT }), 400, 'invalid_request'],
    [
      'the code is repeated',
      async () => [...(await poll({})), ['deferral_code', scene.pending.code]],
      400,
      'invalid_request',
    ],
  ])('%s', async (_case, parameters, status, error) => {
    const asked = await parameters()
    const answer = await unchanged(scene, () => send(asked))
    expect(answer).toMatchObject({ status, body: { error } })
  })
})

describe('the body of POST /token', () => {
  const FORM = 'application/x-www-form-urlencoded'
  const text = () => new URLSearchParams(good()).toString()
  test.each<[string, () => string | Uint8Array<ArrayBuffer>, Record<string, string>, number]>([
    ['is empty', () => '', { 'Content-Type': FORM }, 400],
    ['is above 64 KiB', () => `${text()}&x=${'a'.repeat(66_000)}`, { 'Content-Type': FORM }, 413],
    ['is JSON', () => JSON.stringify(Object.fromEntries(good())), { 'Content-Type': 'application/json' }, 400],
    ['is multipart', text, { 'Content-Type': 'multipart/form-data; boundary=x' }, 400],
    ['is text', text, { 'Content-Type': 'text/plain' }, 400],
    ['says another charset', text, { 'Content-Type': `${FORM}; charset=utf-16` }, 400],
    ['says it is compressed', text, { 'Content-Type': FORM, 'Content-Encoding': 'gzip' }, 400],
    [
      'has bytes that are not UTF-8',
      () => Buffer.concat([Buffer.from(`${text()}&purpose=`), Buffer.from([0xff, 0xfe])]),
      { 'Content-Type': FORM },
      400,
    ],
    ['has escapes that are not UTF-8', () => `${text()}&purpose=%ff%fe`, { 'Content-Type': FORM }, 400],
    ['has an overlong escape', () => `${text()}&purpose=%c0%af`, { 'Content-Type': FORM }, 400],
    ['has a surrogate in escapes', () => `${text()}&purpose=%ed%a0%80`, { 'Content-Type': FORM }, 400],
    ['has a broken name', () => `${text()}&%ff=1`, { 'Content-Type': FORM }, 400],
    ['separates by semicolons', () => text().replaceAll('&', ';'), { 'Content-Type': FORM }, 400],
    [
      'is a thousand parameters, one twice',
      () => `${text()}&${Array.from({ length: 1000 }, (_, at) => `p${at % 999}=1`).join('&')}`,
      { 'Content-Type': FORM },
      400,
    ],
  ])('that %s is refused, and nothing changes', async (_case, body, headers, status) => {
    const answer = await unchanged(
      scene,
      () => scene.broker.fetch('/token', { method: 'POST', body: body(), headers }),
      { verified: false },
    )
    expect(answer).toMatchObject({
      status,
      body: { error: status === 400 && _case.includes('semicolons') ? 'unsupported_grant_type' : 'invalid_request' },
    })
  })

  test('means nothing in the query: parameters there are not read', async () => {
    const answer = await unchanged(
      scene,
      () => scene.broker.fetch(`/token?${text()}`, { method: 'POST', body: '', headers: { 'Content-Type': FORM } }),
      { verified: false },
    )
    expect(answer).toMatchObject({
      status: 400,
      body: { error: 'invalid_request', error_description: 'grant_type is missing' },
    })
  })
})

test('after all of it the assertion has not been spent, and serves', async () => {
  expect(await send(good())).toMatchObject({ status: 200, body: { scope: 'deploy:staging' } })
  const again = await unchanged(scene, () => send(good()))
  expect(again).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
})
