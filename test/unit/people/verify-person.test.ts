import { createPrivateKey, sign } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { signLocalPersonToken } from '../../../src/people/local-person.js'
import type { Person } from '../../../src/people/person.js'
import type { LocalPeopleSource, OidcPeopleSource, PeopleSource } from '../../../src/people/source.js'
import type { PersonRefusal, VerifyPerson } from '../../../src/people/verify-person.js'
import { createPersonVerifier } from '../../../src/people/verify-person.js'
import { createWorkloadVerifier } from '../../../src/workloads/verify-workload.js'
import { refuse } from '../../../src/runtime/result.js'
import { TEST_EPOCH, turnableClock } from '../../support/clock.js'
import type { OfflineIssuer } from '../../support/offline-issuer.js'
import { createOfflineIssuer } from '../../support/offline-issuer.js'

const ISSUER = 'https://login.example.com'
const BROKER = 'https://errand.example.com'
const NOW = TEST_EPOCH
const clock = turnableClock()

const corp: OidcPeopleSource = {
  kind: 'oidc',
  name: 'corp',
  issuer: ISSUER,
  audiences: ['errand'],
  algorithms: ['ES256', 'RS256'],
  groupsClaim: 'groups',
  samePerson: 'email',
  links: { github: 'github_id' },
  requirement: { maxAge: 900 },
  leeway: 30,
  keys: {},
}
const partners: OidcPeopleSource = { ...corp, name: 'partners', issuer: 'https://partners.example.com' }
const roles = { approver: ['platform', 'corp/platform'], operator: ['admins'], auditor: ['audit'] }
const claims = {
  sub: '248289761001',
  aud: 'errand',
  exp: NOW + 300,
  iat: NOW,
  auth_time: NOW - 60,
  groups: ['platform', 'everybody'],
  email: 'Alice@example.com',
  email_verified: true,
  github_id: 583231,
  name: 'Alice',
}

let issuer: OfflineIssuer
let verify: VerifyPerson

const verifierOf = (
  sources: readonly PeopleSource[],
  workloadAudiences?: ReadonlyMap<string, readonly string[]>,
): VerifyPerson =>
  createPersonVerifier({
    sources,
    roles,
    clock,
    keys: issuer.keys,
    ownIssuer: BROKER,
    ...(workloadAudiences === undefined ? {} : { workloadAudiences }),
  })

const verdictOf = async (...asked: Parameters<VerifyPerson>): Promise<PersonRefusal['reason'] | 'believed'> => {
  const result = await verify(...asked)
  return result.ok ? 'believed' : result.refusal.reason
}

async function personOf(
  token: string,
  verifier = verify,
  ...rest: [undefined?, { loopback: boolean }?]
): Promise<Person> {
  const result = await verifier(token, ...rest)
  if (!result.ok) throw new Error(JSON.stringify(result.refusal))
  return result.value
}

beforeAll(async () => {
  issuer = await createOfflineIssuer(ISSUER, ['ES256', 'RS256', 'EdDSA'])
  verify = verifierOf([corp])
})

describe('a token of a people issuer', () => {
  test('becomes a person', async () => {
    expect(await personOf(await issuer.sign({ ...claims, acr: 'phr', amr: ['pwd', 'otp'] }))).toEqual({
      id: 'corp:248289761001',
      source: 'corp',
      groups: ['platform', 'everybody'],
      roles: ['approver'],
      authTime: NOW - 60,
      acr: 'phr',
      amr: ['pwd', 'otp'],
      samePerson: 'alice@example.com',
      links: { github: '583231' },
      displayName: 'Alice',
    })
  })

  test('as an ID token and as an access token', async () => {
    expect(await verdictOf(await issuer.sign({ ...claims, nonce: 'n' }, { typ: 'JWT' }))).toBe('believed')
    expect(await verdictOf(await issuer.sign({ ...claims, client_id: 'errand' }, { typ: 'at+jwt' }))).toBe('believed')
  })

  test.each<[string, Record<string, unknown>]>([
    ['no auth_time', { auth_time: undefined }],
    ['an auth_time that is a text', { auth_time: String(NOW) }],
    ['an auth_time with a fraction', { auth_time: NOW - 0.5 }],
    ['an auth_time in the future', { auth_time: NOW + 31 }],
    ['an auth_time before 1970', { auth_time: -1 }],
    ['another audience', { aud: 'other' }],
    ['no audience', { aud: undefined }],
    ['exp now', { exp: NOW }],
    ['no exp', { exp: undefined }],
    ['an iat in the future', { iat: NOW + 31 }],
    ['an empty sub', { sub: '' }],
    ['a sub that is no text', { sub: 1 }],
    ['RFC 8693 §4.1: act', { act: { sub: 'agent' } }],
    ['RFC 7800: cnf, without a proof', { cnf: { jkt: 'x' } }],
    ['groups that are a text', { groups: 'platform' }],
    ['groups that are not all texts', { groups: ['platform', 1] }],
    ['groups that are an object', { groups: { 0: 'platform' } }],
    ['an acr that is no text', { acr: 1 }],
    ['an amr that is a text', { amr: 'pwd' }],
    ['another issuer', { iss: 'https://other.example.com' }],
    ['an issuer in a list', { iss: [ISSUER] }],
    ['our own issuer', { iss: BROKER }],
  ])('with %s is nobody’s', async (_name, changes) => {
    expect(await verdictOf(await issuer.sign({ ...claims, ...changes }))).toBe('person_token_invalid')
  })

  test('signed by somebody else, or with an algorithm that is not allowed, is nobody’s', async () => {
    const stranger = await createOfflineIssuer(ISSUER)
    expect(await verdictOf(await stranger.sign(claims))).toBe('person_token_invalid')
    expect(await verdictOf(await issuer.sign(claims, { alg: 'EdDSA' }))).toBe('person_token_invalid')
    expect(await verdictOf(await issuer.sign(claims, { kid: 'other' }))).toBe('person_token_invalid')
    expect(await verdictOf('Bearer x')).toBe('person_token_invalid')
  })

  test('nothing is said while the keys of its issuer cannot be had', async () => {
    const keys = { ...issuer.keys, find: () => Promise.resolve(refuse('issuer_unavailable' as const)) }
    const result = await createPersonVerifier({ sources: [corp], roles, clock, keys, ownIssuer: BROKER })(
      await issuer.sign(claims),
    )
    expect(result).toEqual({ ok: false, refusal: { reason: 'person_issuer_unavailable', issuer: ISSUER } })
  })
})

describe('RFC 9470: too old or too weak is told apart from wrong', () => {
  test('the source’s maximum age, to the second', async () => {
    expect(await verdictOf(await issuer.sign({ ...claims, auth_time: NOW - 900 }))).toBe('believed')
    expect(await verdictOf(await issuer.sign({ ...claims, auth_time: NOW - 901 }))).toBe('person_too_weak')
  })

  test('what the act asks for is joined to it, and told', async () => {
    const token = await issuer.sign({ ...claims, acr: 'low' })
    expect(await verify(token, { maxAge: 59, acrValues: ['phr'] })).toEqual({
      ok: false,
      refusal: { reason: 'person_too_weak', requirement: { maxAge: 59, acrValues: ['phr'] } },
    })
    expect(await verdictOf(token, { maxAge: 10_000 })).toBe('believed')
  })

  test('a wrong signature is wrong, not weak', async () => {
    const stranger = await createOfflineIssuer(ISSUER)
    expect(await verdictOf(await stranger.sign({ ...claims, auth_time: 1 }))).toBe('person_token_invalid')
  })
})

describe('who a person is', () => {
  test('no groups claim: no groups, no roles', async () => {
    expect(await personOf(await issuer.sign({ ...claims, groups: undefined }))).toMatchObject({ groups: [], roles: [] })
  })

  test('with several people issuers groups carry their issuer’s name, so one issuer cannot speak for another', async () => {
    const verifier = verifierOf([corp, partners])
    expect(await personOf(await issuer.sign(claims), verifier)).toMatchObject({
      groups: ['corp/platform', 'corp/everybody'],
      roles: ['approver'],
    })
    const partner = await personOf(await issuer.sign({ ...claims, iss: partners.issuer }), verifier)
    expect(partner).toMatchObject({ id: 'partners:248289761001', roles: [] })
  })

  test.each<[string, Record<string, unknown>]>([
    ['no email', { email: undefined }],
    ['an empty email', { email: ' ' }],
    ['an email that nobody verified', { email_verified: false }],
    ['an email of which nothing is said', { email_verified: undefined }],
    ['an email verified in words', { email_verified: 'true' }],
  ])('same_person by email, with %s: cannot be told', async (_name, changes) => {
    expect((await personOf(await issuer.sign({ ...claims, ...changes }))).samePerson).toBeUndefined()
    const byPointer = verifierOf([{ ...corp, samePerson: '/email' }])
    expect((await personOf(await issuer.sign({ ...claims, ...changes }), byPointer)).samePerson).toBeUndefined()
  })

  test('same_person by another claim, and without one', async () => {
    const byNumber = verifierOf([{ ...corp, samePerson: 'employee' }])
    expect((await personOf(await issuer.sign({ ...claims, employee: 7 }), byNumber)).samePerson).toBe('7')
    expect((await personOf(await issuer.sign(claims), byNumber)).samePerson).toBeUndefined()
    const { samePerson: _none, ...apart } = corp
    expect((await personOf(await issuer.sign(claims), verifierOf([apart]))).samePerson).toBe('corp:248289761001')
  })

  test.each([[undefined], [''], [['583231']], [1.5]])('a link that says %j links to nobody', async (github_id) => {
    expect((await personOf(await issuer.sign({ ...claims, github_id }))).links).toEqual({})
  })

  test('a name is shown without tricks', async () => {
    expect((await personOf(await issuer.sign({ ...claims, name: '\u202eecilA\n' }))).displayName).toBe('ecilA')
  })
})

describe('machines and people (contract §1)', () => {
  const forWorkloads = (audiences: readonly string[], peopleAudiences?: ReadonlyMap<string, readonly string[]>) =>
    createWorkloadVerifier({
      sources: [
        {
          name: 'ci',
          preset: 'generic',
          issuer: ISSUER,
          audiences,
          require: {},
          owner: 'platform',
          reuse: 'once',
          algorithms: ['ES256'],
          leeway: 30,
          keys: {},
          mapping: { anchor: 'sub', segments: [], sealed: [], delegate: [] },
        },
      ],
      trustDomain: 'errand.example.com',
      ownIssuer: BROKER,
      clock,
      keys: issuer.keys,
      ...(peopleAudiences === undefined ? {} : { peopleAudiences }),
    })

  test('one issuer that serves both: a machine’s token is no person, a person’s token no machine', async () => {
    const verifyWorkload = forWorkloads(['machines'], new Map([[ISSUER, ['errand']]]))
    const verifyPerson = verifierOf([corp], new Map([[ISSUER, ['machines']]]))
    const verdicts = async (aud: unknown) => {
      const token = await issuer.sign({ ...claims, aud })
      return { workload: (await verifyWorkload(token)).ok, person: (await verifyPerson(token)).ok }
    }
    expect(await verdicts('machines')).toEqual({ workload: true, person: false })
    expect(await verdicts('errand')).toEqual({ workload: false, person: true })
    expect(await verdicts(['machines', 'errand'])).toEqual({ workload: false, person: false })
  })

  test('a workload’s issuer is no people issuer, whatever its tokens claim', async () => {
    const verifier = verifierOf([partners])
    expect((await verifier(await issuer.sign(claims))).ok).toBe(false)
  })
})

describe('the local person', () => {
  let folder: string
  let local: LocalPeopleSource
  let verifier: VerifyPerson
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'errand-local-'))
    local = {
      kind: 'local',
      name: 'me',
      keyFile: join(folder, 'key'),
      groups: ['platform'],
      links: {},
      requirement: { maxAge: 30 },
    }
    verifier = verifierOf([local])
  })
  afterAll(() => {
    rmSync(folder, { recursive: true })
  })
  const here = { loopback: true }

  test('is believed on loopback', async () => {
    expect(await personOf(signLocalPersonToken(local.keyFile, NOW), verifier, undefined, here)).toEqual({
      id: 'me:local',
      source: 'me',
      groups: ['platform'],
      roles: ['approver'],
      authTime: NOW,
      amr: [],
      samePerson: 'me:local',
      links: {},
    })
  })

  test('is nobody from elsewhere, or where nobody says from where', async () => {
    const token = signLocalPersonToken(local.keyFile, NOW)
    expect((await verifier(token, undefined, { loopback: false })).ok).toBe(false)
    expect((await verifier(token)).ok).toBe(false)
  })

  test('is too old after what the source allows, and nobody after a minute', async () => {
    const reason = async (at: number) => {
      const result = await verifier(signLocalPersonToken(local.keyFile, at), undefined, here)
      return result.ok ? 'believed' : result.refusal.reason
    }
    expect(await reason(NOW - 30)).toBe('believed')
    expect(await reason(NOW - 31)).toBe('person_too_weak')
    expect(await reason(NOW - 60)).toBe('person_token_invalid')
    expect(await reason(NOW + 1)).toBe('person_token_invalid')
  })

  test('cannot make a token last by claiming a later end', async () => {
    const input = [
      { alg: 'EdDSA' },
      {
        iss: 'urn:errand:local-person',
        aud: 'urn:errand:local-person',
        sub: 'local',
        iat: NOW - 61,
        auth_time: NOW,
        exp: NOW + 999,
      },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    const key = createPrivateKey(readFileSync(local.keyFile))
    const token = `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`
    expect(await verifier(token, undefined, here)).toMatchObject({ refusal: { detail: 'too old' } })
  })

  test('is nobody with another file’s key, and where no local source is configured', async () => {
    const foreign = signLocalPersonToken(join(folder, 'other'), NOW)
    expect((await verifier(foreign, undefined, here)).ok).toBe(false)
    expect((await verifierOf([corp])(signLocalPersonToken(local.keyFile, NOW), undefined, here)).ok).toBe(false)
  })
})

describe('sources that must not load', () => {
  test.each<[string, readonly PeopleSource[]]>([
    ['two of one issuer', [corp, { ...partners, issuer: ISSUER }]],
    ['our own issuer', [{ ...corp, issuer: BROKER }]],
  ])('%s', (_name, sources) => {
    expect(() => verifierOf(sources)).toThrow()
  })
})
