import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseTokenRequest, type ExchangeRequest } from '../../../src/oauth/token-request.js'
import { GRANT_TYPE, TOKEN_TYPE } from '../../../src/oauth/urns.js'

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const EXCHANGE = {
  grant_type: GRANT_TYPE.tokenExchange,
  subject_token: 'a.b.c',
  subject_token_type: TOKEN_TYPE.jwt,
  audience: 'https://deploy.example.com',
  scope: 'deploy',
}
const CODE = `dc_${'A'.repeat(43)}`
const POLL = {
  grant_type: GRANT_TYPE.deferred,
  deferral_code: CODE,
  client_assertion: 'a.b.c',
  client_assertion_type: JWT_BEARER,
}
const LONGEST = 'x'.repeat(16 * 1024)

type Fields = Readonly<Record<string, string | readonly string[] | undefined>>

/** A form in which a list is a repeated parameter, and `undefined` none at all. */
function formOf(fields: Fields): URLSearchParams {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(fields))
    for (const one of value === undefined ? [] : typeof value === 'string' ? [value] : value) form.append(name, one)
  return form
}
const parse = (fields: Fields) => parseTokenRequest(formOf(fields))
function exchange(more: Fields): ExchangeRequest {
  const parsed = parse({ ...EXCHANGE, ...more })
  if ('fault' in parsed || parsed.request.kind !== 'exchange') throw new Error(JSON.stringify(parsed))
  return parsed.request
}
function faultOf(fields: Fields): string | undefined {
  const parsed = parse(fields)
  return 'fault' in parsed ? parsed.fault.error : undefined
}

describe('POST /token, parsed: an exchange', () => {
  test('RFC 8693 §2.1: the least that can be said', () => {
    expect(parse(EXCHANGE)).toEqual({
      request: {
        kind: 'exchange',
        subjectToken: 'a.b.c',
        subjectIsClient: false,
        subjectTokenType: 'jwt',
        actorToken: undefined,
        clientAssertion: undefined,
        clientId: undefined,
        targets: ['https://deploy.example.com'],
        scope: ['deploy'],
        authorizationDetails: [],
        requestedTokenType: 'access_token',
        csr: undefined,
        actor: undefined,
        grantId: undefined,
        task: undefined,
        lifetime: undefined,
        deferred: false,
        purpose: undefined,
      },
    })
  })

  test('everything that can be said at once', () => {
    const details = [{ type: 'query', tables: ['a'] }]
    expect(
      exchange({
        subject_token_type: TOKEN_TYPE.idToken,
        resource: 'https://deploy.example.com/',
        client_assertion: 'd.e.f',
        client_assertion_type: JWT_BEARER,
        client_id: 'me',
        scope: 'b a',
        authorization_details: JSON.stringify(details),
        requested_token_type: TOKEN_TYPE.jwt,
        grant_id: 'gr_1',
        task: 'build/1',
        lifetime: '60',
        completion_mode: 'other deferred',
        purpose: ' why\u202e ',
        unheard_of: 'ignored',
      }),
    ).toMatchObject({
      subjectTokenType: 'id_token',
      targets: ['https://deploy.example.com', 'https://deploy.example.com/'],
      clientAssertion: 'd.e.f',
      clientId: 'me',
      scope: ['a', 'b'],
      authorizationDetails: details,
      requestedTokenType: 'jwt',
      grantId: 'gr_1',
      task: 'build/1',
      lifetime: 60,
      deferred: true,
      purpose: 'why',
    })
  })

  const refused: readonly (readonly [string, Fields, string])[] = [
    ['grant_type absent', { grant_type: undefined }, 'invalid_request'],
    ['grant_type empty', { grant_type: '' }, 'invalid_request'],
    ['grant_type unknown', { grant_type: 'password' }, 'unsupported_grant_type'],
    ['grant_type in another case', { grant_type: 'CLIENT_CREDENTIALS' }, 'unsupported_grant_type'],
    ['subject_token absent', { subject_token: undefined }, 'invalid_request'],
    ['subject_token empty', { subject_token: '' }, 'invalid_request'],
    ['subject_token over 16 KiB', { subject_token: `${LONGEST}x` }, 'invalid_request'],
    ['subject_token over 16 KiB of UTF-8', { subject_token: 'ü'.repeat(8 * 1024 + 1) }, 'invalid_request'],
    ['subject_token_type absent', { subject_token_type: undefined }, 'invalid_request'],
    [
      'subject_token_type not accepted',
      { subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' },
      'invalid_request',
    ],
    ['subject_token_type of an object member', { subject_token_type: 'constructor' }, 'invalid_request'],
    ['actor_token without type', { actor_token: 'x' }, 'invalid_request'],
    ['actor_token_type without token', { actor_token_type: TOKEN_TYPE.jwt }, 'invalid_request'],
    ['actor_token of a ticket', { actor_token: 'x', actor_token_type: TOKEN_TYPE.ticket }, 'invalid_request'],
    ['actor_token over 16 KiB', { actor_token: `${LONGEST}x`, actor_token_type: TOKEN_TYPE.jwt }, 'invalid_request'],
    ['client_assertion without type', { client_assertion: 'x' }, 'invalid_request'],
    ['client_assertion_type without assertion', { client_assertion_type: JWT_BEARER }, 'invalid_request'],
    [
      'client_assertion_type of SAML',
      {
        client_assertion: 'x',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer',
      },
      'invalid_request',
    ],
    [
      'client_assertion over 16 KiB',
      { client_assertion: `${LONGEST}x`, client_assertion_type: JWT_BEARER },
      'invalid_request',
    ],
    ['requested_token_type not issued', { requested_token_type: TOKEN_TYPE.idToken }, 'invalid_request'],
    ['scope malformed', { scope: 'a"b' }, 'invalid_scope'],
    ['scope of blanks', { scope: '  ' }, 'invalid_scope'],
    ['scope too long', { scope: `${'a'.repeat(2048)}b` }, 'invalid_scope'],
    ['authorization_details no JSON', { authorization_details: '[{' }, 'invalid_authorization_details'],
    ['authorization_details an object', { authorization_details: '{"type":"a"}' }, 'invalid_authorization_details'],
    ['authorization_details an empty list', { authorization_details: '[]' }, 'invalid_authorization_details'],
    ['authorization_details null', { authorization_details: 'null' }, 'invalid_authorization_details'],
    ['authorization_details of null', { authorization_details: '[null]' }, 'invalid_authorization_details'],
    ['authorization_details of lists', { authorization_details: '[["type"]]' }, 'invalid_authorization_details'],
    ['authorization_details without type', { authorization_details: '[{"a":1}]' }, 'invalid_authorization_details'],
    ['authorization_details of a type 1', { authorization_details: '[{"type":1}]' }, 'invalid_authorization_details'],
    [
      'authorization_details, 17 of them',
      { authorization_details: JSON.stringify(Array.from({ length: 17 }, () => ({ type: 'a' }))) },
      'invalid_authorization_details',
    ],
    [
      'authorization_details nested deeply',
      { authorization_details: `[{"type":"a","x":${'['.repeat(40)}${']'.repeat(40)}}]` },
      'invalid_authorization_details',
    ],
    [
      'authorization_details nested as deeply as a body allows',
      { authorization_details: `[{"type":"a","x":${'['.repeat(30_000)}${']'.repeat(30_000)}}]` },
      'invalid_authorization_details',
    ],
    ['csr without a certificate', { csr: 'x' }, 'invalid_request'],
    ['a certificate without csr', { requested_token_type: TOKEN_TYPE.x509Certificate }, 'invalid_request'],
    ['actor without a ticket', { actor: 'spiffe://a/b' }, 'invalid_request'],
    ['a ticket without actor', { requested_token_type: TOKEN_TYPE.ticket }, 'invalid_request'],
    ['task with a blank', { task: 'a b' }, 'invalid_request'],
    ['task above ASCII', { task: 'ä' }, 'invalid_request'],
    ['task with a line end', { task: 'a\n' }, 'invalid_request'],
    ['task of 129 characters', { task: 'a'.repeat(129) }, 'invalid_request'],
    ['lifetime 0', { lifetime: '0' }, 'invalid_request'],
    ['lifetime below 0', { lifetime: '-1' }, 'invalid_request'],
    ['lifetime a fraction', { lifetime: '1.5' }, 'invalid_request'],
    ['lifetime in hexadecimal', { lifetime: '0x10' }, 'invalid_request'],
    ['lifetime with an exponent', { lifetime: '1e3' }, 'invalid_request'],
    ['lifetime with a leading zero', { lifetime: '010' }, 'invalid_request'],
    ['lifetime in other digits', { lifetime: '٣' }, 'invalid_request'],
    ['lifetime of ten digits', { lifetime: '1000000000' }, 'invalid_request'],
    ['purpose of 501 characters', { purpose: 'a'.repeat(501) }, 'invalid_request'],
    ['grant_type twice', { grant_type: [GRANT_TYPE.tokenExchange, GRANT_TYPE.tokenExchange] }, 'invalid_request'],
    ['subject_token twice', { subject_token: ['a', 'b'] }, 'invalid_request'],
    ['scope twice', { scope: ['a', 'b'] }, 'invalid_request'],
    ['an unknown parameter twice', { 'x"y': ['a', 'b'] }, 'invalid_request'],
  ]
  test.each(refused)('%s is refused', (_, more, code) => {
    expect(faultOf({ ...EXCHANGE, ...more })).toBe(code)
  })

  test.each([
    'client_id',
    'completion_mode',
    'purpose',
    'task',
    'lifetime',
    'grant_id',
    'actor_token',
    'actor_token_type',
    'requested_token_type',
    'csr',
    'actor',
    'authorization_details',
    'client_assertion',
    'client_assertion_type',
    'subject_token_type',
    'deferral_code',
  ])('%s may not be repeated, and empty it counts as absent (RFC 6749 §3.2)', (name) => {
    expect(faultOf({ ...EXCHANGE, [name]: ['a', 'a'] })).toBe('invalid_request')
    const required = name === 'subject_token_type'
    expect(faultOf({ ...EXCHANGE, [name]: '' })).toBe(required ? 'invalid_request' : undefined)
  })

  test.each([
    ['a subject_token of 16 KiB', { subject_token: LONGEST }],
    ['no scope and no details: whether that is enough is not a matter of form', { scope: undefined }],
    ['no target', { audience: undefined }],
    ['a task of 128 characters', { task: 'a'.repeat(128) }],
    ['a purpose of 500 characters of two UTF-16 units', { purpose: '🚀'.repeat(500) }],
    ['a purpose that shows nothing: as if absent', { purpose: '\u202e\u0007' }],
    ['a lifetime of nine digits', { lifetime: '999999999' }],
    ['16 details', { authorization_details: JSON.stringify(Array.from({ length: 16 }, () => ({ type: 'a' }))) }],
  ] as readonly (readonly [string, Fields])[])('%s is accepted', (_, more) => {
    expect(faultOf({ ...EXCHANGE, ...more })).toBeUndefined()
  })

  test('a purpose that shows nothing is none', () => {
    expect(exchange({ purpose: '\u202e\u0007' }).purpose).toBeUndefined()
  })

  test.each([
    ['absent', undefined, false],
    ['deferred', 'deferred', true],
    ['among others', 'push deferred  later', true],
    ['another word', 'deferred-later', false],
    ['in another case', 'Deferred', false],
    ['unknown values alone are ignored', 'push', false],
  ])('completion_mode %s', (_, mode, deferred) => {
    expect(exchange({ completion_mode: mode }).deferred).toBe(deferred)
  })

  test('audience and resource may be repeated: whether they are one target is not a matter of form', () => {
    const { targets } = exchange({ audience: ['a', 'b', ''], resource: ['c', 'c'] })
    expect(targets).toEqual(['a', 'b', 'c', 'c'])
  })

  test('an error quotes nothing that could not stand in error_description (RFC 6749 §5.2)', () => {
    const parsed = parse({ ...EXCHANGE, 'x"\\\ny': ['1', '2'] })
    expect(parsed).toEqual({ fault: { error: 'invalid_request', description: 'parameter is repeated: unknown name' } })
  })
})

describe('POST /token, parsed: client_credentials is the same exchange', () => {
  const CLIENT = {
    grant_type: GRANT_TYPE.clientCredentials,
    client_assertion: 'a.b.c',
    client_assertion_type: JWT_BEARER,
    audience: 'x',
    scope: 'a',
  }

  test('the assertion takes the place of subject_token, whatever else is sent as one', () => {
    const parsed = parse({ ...CLIENT, subject_token: 'other', subject_token_type: TOKEN_TYPE.ticket })
    expect(parsed).toMatchObject({
      request: {
        kind: 'exchange',
        subjectToken: 'a.b.c',
        subjectIsClient: true,
        subjectTokenType: 'jwt',
        clientAssertion: 'a.b.c',
      },
    })
  })

  test('without client_assertion, the certificate of the connection takes its place', () => {
    const parsed = parse({ ...CLIENT, client_assertion: undefined, client_assertion_type: undefined })
    expect(parsed).toMatchObject({
      request: { subjectToken: undefined, clientAssertion: undefined, subjectIsClient: true },
    })
  })
})

describe('POST /token, parsed: a poll', () => {
  test('the code and its proof', () => {
    expect(parse({ ...POLL, client_id: 'me' })).toEqual({
      request: { kind: 'poll', deferralCode: CODE, clientAssertion: 'a.b.c', clientId: 'me' },
    })
  })

  test.each([
    ['without deferral_code', { deferral_code: undefined }, 'invalid_request'],
    ['with completion_mode', { completion_mode: 'deferred' }, 'invalid_request'],
    ['with completion_mode of unknown values', { completion_mode: 'x' }, 'invalid_request'],
    ['with actor_token', { actor_token: 'x', actor_token_type: TOKEN_TYPE.jwt }, 'invalid_request'],
    ['of a code that is none', { deferral_code: 'dc_x' }, 'invalid_grant'],
    ['of a code with a line end', { deferral_code: `${CODE}\n` }, 'invalid_grant'],
    ['of a longer code', { deferral_code: `${CODE}A` }, 'invalid_grant'],
    ['with its code twice', { deferral_code: [CODE, CODE] }, 'invalid_request'],
  ] as readonly (readonly [string, Fields, string])[])('%s is refused', (_, more, code) => {
    expect(faultOf({ ...POLL, ...more })).toBe(code)
  })

  test('an empty completion_mode counts as absent', () => {
    expect(faultOf({ ...POLL, completion_mode: '' })).toBeUndefined()
  })
})

test('whatever is sent, it is parsed or refused with a code of the table, and never throws', () => {
  const names = [...Object.keys(EXCHANGE), ...Object.keys(POLL), 'authorization_details', 'lifetime', 'purpose', 'task']
  const values = fc.oneof(
    fc.constantFrom(...Object.values(EXCHANGE), ...Object.values(POLL), ...Object.values(TOKEN_TYPE), '', '[{}]'),
    fc.string({ unit: 'binary', maxLength: 40 }),
  )
  const pairs = fc.array(fc.tuple(fc.constantFrom(...names), values), { maxLength: 12 })
  fc.assert(
    fc.property(pairs, (sent) => {
      const parsed = parseTokenRequest(new URLSearchParams(sent))
      if (!('fault' in parsed)) return
      const { error, description } = parsed.fault
      expect([
        'invalid_request',
        'invalid_client',
        'invalid_grant',
        'invalid_scope',
        'invalid_authorization_details',
        'unsupported_grant_type',
      ]).toContain(error)
      expect(description).toMatch(/^[\x20\x21\x23-\x5B\x5D-\x7E]+$/)
    }),
  )
})
