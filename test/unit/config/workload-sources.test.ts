import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { PRESETS } from '../../../src/workloads/presets.js'
import { changed, faultsOf, settingsOf, sound, type Changes } from './support.js'

const document = readFileSync(new URL('../../../docs/workloads.md', import.meta.url), 'utf8')

interface Entry {
  readonly name: string
  readonly preset: string
}

const examples = [...document.matchAll(/^```yaml\n(?<yaml>[\s\S]*?)^```$/gm)].map(
  (match) => (parse(match.groups?.['yaml'] ?? '') as readonly [Entry])[0],
)

/** Rules and links of the sound configuration speak of its own sources. */
const withoutRules: Changes = { 'people[0].links': {}, 'resources[0].scopes["deploy:staging"]': 'low' }

describe('docs/workloads.md', () => {
  test.each(examples)('its example of $preset loads', (entry) => {
    // The files of its pod are not here: those of the tests stand in for them.
    const mounted = 'ca_file' in entry ? { ca_file: 'ca.pem', token_file: 'token' } : {}
    const { workloads } = settingsOf(changed(sound(), { workloads: [{ ...entry, ...mounted }], ...withoutRules }))
    expect(workloads).toMatchObject([{ name: entry.name, preset: entry.preset }])
  })

  test('every preset is in its table, as it is', () => {
    const rows = new Map(
      [...document.matchAll(/^\| `(?<name>[\w-]+)`\s*\|.*\| `(?<reuse>once|task|until_expiry)`\s*\|$/gm)].map(
        ({ groups }) => [groups?.['name'], groups?.['reuse']],
      ),
    )
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries([...PRESETS].map(([name, { reuse }]) => [name, reuse])))
  })

  test('every provider of the table that has a form of issuer has an example', () => {
    const withForm = [...PRESETS.values()].filter((preset) => preset.issuerForm !== undefined).map(({ name }) => name)
    expect(examples.map(({ preset }) => preset)).toEqual(expect.arrayContaining(withForm))
  })
})

describe('token_review', () => {
  const url = 'https://kubernetes.default.svc'

  test("takes the source's CA and token, or its own", () => {
    const shared = settingsOf(changed(sound(), { 'workloads[1].token_review': { url } })).workloads[1]
    expect(shared?.tokenReview).toEqual({ url, ca: shared?.keys.ca, tokenFile: '/etc/errand/token' })
    const own = { url, ca_file: 'server.pem', token_file: 'empty' }
    const { tokenReview } = settingsOf(changed(sound(), { 'workloads[1].token_review': own })).workloads[1] ?? {}
    expect(tokenReview).toMatchObject({ url, ca: expect.any(String), tokenFile: '/etc/errand/empty' })
  })

  test('is not there by default', () => {
    expect(settingsOf(sound()).workloads[1]).not.toHaveProperty('tokenReview')
  })

  test.each<[string, Changes, string, RegExp, RegExp]>([
    [
      'it is for clusters alone',
      { 'workloads[2].token_review': { url, token_file: 'token' } },
      'workloads[2].token_review',
      /for clusters/,
      /preset: kubernetes/,
    ],
    [
      'it needs a token to ask with',
      { 'workloads[1].token_review': { url }, 'workloads[1].token_file': undefined },
      'workloads[1].token_review',
      /no token/,
      /token_file/,
    ],
    [
      'its file must be there',
      { 'workloads[1].token_review': { url, token_file: 'nowhere' } },
      'workloads[1].token_review.token_file',
      /cannot be read/,
      /see that/,
    ],
    [
      'its CA must be one',
      { 'workloads[1].token_review': { url, ca_file: 'empty' } },
      'workloads[1].token_review.ca_file',
      /no readable certificate/,
      /PEM/,
    ],
    [
      'the API server is asked over https',
      { 'workloads[1].token_review': { url: 'http://kubernetes.default.svc' } },
      'workloads[1].token_review.url',
      /not https/,
      /localhost only/,
    ],
  ])('%s', (_rule, changes, path, message, remedy) => {
    expect(faultsOf(changed(sound(), changes))).toEqual([
      { path, message: expect.stringMatching(message), remedy: expect.stringMatching(remedy) },
    ])
  })
})

const TENANT = 'aaaabbbb-0000-4ccc-8111-dddd2222eeee'
const sourceOf = (preset: string, issuer: string, require = {}): Changes => ({
  'workloads[2]': { name: 'ci', preset, issuer, audiences: ['errand'], require, owner: 'platform' },
})

describe("a provider's issuer has one form", () => {
  test.each<[preset: string, issuer: string, remedy: RegExp, require?: Record<string, string>]>([
    ['circleci', 'https://oidc.circleci.com', /org\/ORGANIZATION_ID/],
    ['circleci', 'https://oidc.circleci.com/org/octo-org', /org\/ORGANIZATION_ID/],
    ['circleci', `https://oidc.circleci.com/org/${TENANT}/`, /org\/ORGANIZATION_ID/],
    ['buildkite', 'https://buildkite.com', /agent\.buildkite\.com/],
    ['bitbucket-pipelines', 'https://bitbucket.org/octo-space', /WORKSPACE/],
    ['google', 'https://securetoken.google.com/octo-project', /accounts\.google\.com/],
    ['google-compute', 'https://accounts.google.com/', /accounts\.google\.com/, { sub: '1' }],
    ['azure', 'https://login.microsoftonline.com/common/v2.0', /TENANT_ID/],
    ['azure', `https://sts.windows.net/${TENANT}`, /TENANT_ID/],
    ['aws', 'https://sts.amazonaws.com', /ID\.tokens\.sts\.global\.api\.aws/],
    ['aws', 'https://tokens.sts.global.api.aws.example.com', /ID\.tokens\.sts\.global\.api\.aws/],
  ])('%s: %s is none', (preset, issuer, remedy, require = {}) => {
    expect(faultsOf(changed(sound(), sourceOf(preset, issuer, require)))).toEqual([
      {
        path: 'workloads[2].issuer',
        message: `is no issuer of ${preset}`,
        remedy: expect.stringMatching(remedy),
      },
    ])
  })

  test.each([
    ['circleci', `https://circleci.example.com/org/${TENANT}`],
    ['aws', 'https://9b8a7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d.tokens.sts.global.api.aws'],
    ['azure', `https://login.microsoftonline.us/${TENANT}/v2.0`],
  ])('%s: %s is one', (preset, issuer) => {
    expect(faultsOf(changed(sound(), sourceOf(preset, issuer)))).toEqual([])
  })

  test('on this machine another may stand in for it', () => {
    expect(faultsOf(changed(sound(), sourceOf('aws', 'http://127.0.0.1:9000')))).toEqual([])
  })
})

describe('contract §3: an issuer that everybody shares needs an immutable tenant id', () => {
  test.each([
    ['buildkite', 'https://agent.buildkite.com', { organization_slug: 'octo-org' }, /organization_id/],
    ['google', 'https://accounts.google.com', { email: 'a@octo.iam.gserviceaccount.com' }, /sub/],
    [
      'google-compute',
      'https://accounts.google.com',
      { '/google/compute_engine/project_id': 'octo' },
      /project_number/,
    ],
    [
      'bitbucket-pipelines',
      'https://api.bitbucket.org/2.0/workspaces/octo-space/pipelines-config/identity/oidc',
      {},
      /workspaceUuid/,
    ],
  ])('%s with %j', (preset, issuer, require, remedy) => {
    expect(faultsOf(changed(sound(), sourceOf(preset, issuer, require)))).toEqual([
      {
        path: 'workloads[2].require',
        message: expect.stringMatching(/names no tenant/),
        remedy: expect.stringMatching(remedy),
      },
    ])
  })
})
