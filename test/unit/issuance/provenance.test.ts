import { describe, expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import {
  encodeProvenance,
  ERRAND_ARC,
  PROVENANCE_CLAIMS,
  PROVENANCE_EXTENSION,
  PROVENANCE_OIDS,
  provenanceOf,
} from '../../../src/issuance/provenance.js'
import { oidOf, readDer, textOf } from '../../../src/x509/read-der.js'

const ids = { grantId: 'gr_4a', taskId: 'tk_4a' } as const

const stated = (
  preset: string | undefined,
  issuer: string,
  claims: Record<string, unknown>,
): Record<string, string> => {
  const workload = { issuer, claims, ...(preset === undefined ? {} : { preset }) }
  return Object.fromEntries(provenanceOf(workload, ids).map(({ name, value }) => [name, value]))
}

const GITHUB = {
  iss: 'https://token.actions.githubusercontent.com',
  job_workflow_ref: 'acme/workflows/.github/workflows/deploy.yml@refs/heads/main',
  job_workflow_sha: 'a1',
  runner_environment: 'github-hosted',
  repository: 'acme/shop',
  sha: 'b2',
  ref: 'refs/heads/main',
  repository_id: '74',
  repository_owner: 'acme',
  repository_owner_id: 42,
  workflow_ref: 'acme/shop/.github/workflows/release.yml@refs/heads/main',
  workflow_sha: 'c3',
  event_name: 'push',
  run_id: '9912',
  run_attempt: '1',
  repository_visibility: 'private',
  environment: 'production',
}

describe('what the assertion proved', () => {
  test('GitHub Actions, as Fulcio names it', () => {
    expect(stated('github-actions', GITHUB.iss, GITHUB)).toEqual({
      Grant: 'gr_4a',
      Task: 'tk_4a',
      'Issuer (V2)': 'https://token.actions.githubusercontent.com',
      'Build Signer URI': 'https://github.com/acme/workflows/.github/workflows/deploy.yml@refs/heads/main',
      'Build Signer Digest': 'a1',
      'Runner Environment': 'github-hosted',
      'Source Repository URI': 'https://github.com/acme/shop',
      'Source Repository Digest': 'b2',
      'Source Repository Ref': 'refs/heads/main',
      'Source Repository Identifier': '74',
      'Source Repository Owner URI': 'https://github.com/acme',
      'Source Repository Owner Identifier': '42',
      'Build Config URI': 'https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main',
      'Build Config Digest': 'c3',
      'Build Trigger': 'push',
      'Run Invocation URI': 'https://github.com/acme/shop/actions/runs/9912/attempts/1',
      'Source Repository Visibility At Signing': 'private',
      'Deployment Environment': 'production',
    })
  })

  test('GitHub Enterprise, by its issuer; an issuer that nobody knows gives no addresses', () => {
    const name = 'Source Repository URI'
    expect(stated('github-actions', 'https://token.actions.acme.ghe.com', GITHUB)[name]).toBe(
      'https://acme.ghe.com/acme/shop',
    )
    expect(stated('github-actions', 'https://other.example.com', GITHUB)[name]).toBeUndefined()
    expect(stated('github-actions', 'https://other.example.com', GITHUB)['Build Trigger']).toBe('push')
  })

  test('GitLab CI: a branch, a tag, and what is neither', () => {
    const claims = {
      project_path: 'my-group/my-project',
      job_id: 302,
      ref: 'v1',
      ci_config_ref_uri: 'gitlab.example.com/a//b.yml@c',
    }
    const refOf = (type: string): string | undefined =>
      stated('gitlab-ci', 'https://gitlab.example.com', { ...claims, ref_type: type })['Source Repository Ref']
    expect(refOf('branch')).toBe('refs/heads/v1')
    expect(refOf('tag')).toBe('refs/tags/v1')
    expect(refOf('other')).toBeUndefined()
    expect(stated('gitlab-ci', 'https://gitlab.example.com/', claims)).toMatchObject({
      'Build Config URI': 'https://gitlab.example.com/a//b.yml@c',
      'Run Invocation URI': 'https://gitlab.example.com/my-group/my-project/-/jobs/302',
    })
  })

  test('Buildkite and CircleCI', () => {
    const buildkite = {
      organization_slug: 'acme',
      pipeline_slug: 'shop',
      build_number: 4,
      job_id: 'j',
      build_commit: 'HEAD',
    }
    expect(stated('buildkite', 'https://agent.buildkite.com', buildkite)).toMatchObject({
      'Run Invocation URI': 'https://buildkite.com/acme/shop/builds/4#j',
      'Source Repository Digest': 'HEAD',
    })
    const circleci = { 'oidc.circleci.com/ssh-rerun': true, 'oidc.circleci.com/vcs-ref': 'refs/heads/main' }
    expect(stated('circleci', 'https://oidc.circleci.com/org/1', circleci)).toMatchObject({
      'Runner Environment': 'ssh-rerun',
      'Source Repository Ref': 'refs/heads/main',
    })
    const usual = { ...circleci, 'oidc.circleci.com/ssh-rerun': false, 'oidc.circleci.com/pipeline-id': 'p' }
    expect(stated('circleci', 'https://oidc.circleci.com/org/1', usual)).not.toHaveProperty('Runner Environment')
    expect(stated('circleci', 'https://circle.example.com/org/1', usual)).not.toHaveProperty('Build Config URI')
  })

  test('of all others the issuer alone', () => {
    for (const preset of ['kubernetes', 'generic', 'constructor', '__proto__', undefined]) {
      expect(stated(preset, 'https://ci.example.com', GITHUB)).toEqual({
        Grant: 'gr_4a',
        Task: 'tk_4a',
        'Issuer (V2)': 'https://ci.example.com',
      })
    }
  })

  test('what is not said, empty, no text, too long or unreadable is left out whole', () => {
    const name = 'Source Repository Ref'
    const refOf = (ref: unknown): string | undefined => stated('github-actions', GITHUB.iss, { ...GITHUB, ref })[name]
    expect(refOf('r'.repeat(512))).toBe('r'.repeat(512))
    for (const ref of [
      'r'.repeat(513),
      '',
      null,
      undefined,
      ['refs/heads/main'],
      {},
      1.5,
      'a\nb',
      'a\0',
      'a\u202Eb',
      '\ud800',
    ])
      expect(refOf(ref)).toBeUndefined()
  })

  test('a claim fills its own place: braces in it are text', () => {
    expect(stated('github-actions', GITHUB.iss, { ...GITHUB, repository: '{sha}/$&' })['Source Repository URI']).toBe(
      'https://github.com/{sha}/$&',
    )
  })
})

test('any claims are encoded, and read back as they are, in the order of the table', () => {
  const names = Object.keys(PROVENANCE_OIDS)
  const claims = fc.record(
    Object.fromEntries(
      Object.keys(GITHUB).map((claim) => [claim, fc.oneof(fc.string({ unit: 'grapheme' }), fc.anything())]),
    ),
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(claims, (some) => {
      const provenance = provenanceOf({ preset: 'github-actions', issuer: GITHUB.iss, claims: some }, ids)
      const pairs = readDer(encodeProvenance(provenance))?.children.map(({ children: [name, value] }) => [
        oidOf(name),
        textOf(value),
      ])
      expect(pairs).toEqual(provenance.map(({ name, value }) => [PROVENANCE_OIDS[name], value]))
      const places = provenance.map(({ name }) => names.indexOf(name))
      expect(places).toEqual([...new Set(places)].sort((one, other) => one - other))
    }),
  )
})

describe('docs/oid.md', () => {
  const document = readFileSync('docs/oid.md', 'utf8')
  const rowsBelow = (heading: string): string[] => {
    const from = document.indexOf(`${heading}\n`)
    const section = from === -1 ? '' : (document.slice(from + heading.length).split(/\n#+ /)[0] ?? '')
    return section.split('\n').filter((line) => /^\| (?!OID|Name)/.test(line))
  }

  test('lists every object identifier, in the order of the source, and no other', () => {
    const listed = rowsBelow('## The arc').map((row) =>
      row
        .split('|')
        .slice(1, 3)
        .map((cell) => cell.trim()),
    )
    expect(listed).toEqual([
      [PROVENANCE_EXTENSION, 'the extension'],
      ...Object.entries(PROVENANCE_OIDS).map(([name, oid]) => [oid, name]),
    ])
  })

  test('says of every name which claims it comes from', () => {
    for (const [preset, mapping] of PROVENANCE_CLAIMS) {
      const expected = Object.entries(mapping.names).map(([name, templates]) => {
        const texts = templates.map((template) =>
          typeof template === 'string'
            ? `\`${template}\``
            : `\`${template.then}\` where \`${template.if}\` is \`${template.is}\``,
        )
        return `| ${name} | ${texts.join('; ')} |`
      })
      expect(rowsBelow(`### \`${preset}\``)).toEqual(expected)
    }
    const sections = [...document.matchAll(/^### `(.+)`$/gm)].map(([, preset]) => preset)
    expect(sections).toEqual([...PROVENANCE_CLAIMS.keys()])
  })

  test('explains the arc, which is the UUID in parts', () => {
    const [, uuid = ''] = /UUID `([0-9a-f-]{36})`/.exec(document) ?? []
    const digits = uuid.replaceAll('-', '')
    const parts = [4, 4, 4, 4, 4, 6, 6].map((length, at, all) => {
      const from = all.slice(0, at).reduce((sum, one) => sum + one, 0)
      return Number.parseInt(digits.slice(from, from + length), 16)
    })
    expect(ERRAND_ARC).toBe(`1.2.840.113556.1.8000.2554.${parts.join('.')}`)
    expect(document).toContain(`    ${ERRAND_ARC}\n`)
  })
})
