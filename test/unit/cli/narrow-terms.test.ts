import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EXIT } from '../../../src/cli/exit-codes.js'
import { narrowTerms } from '../../../src/cli/narrow-terms.js'
import type { Terms } from '../../../src/grants/grant.js'

const DETAIL = { type: 'database_query', tables: ['orders'] }
const TERMS: Terms = {
  v: 1,
  issuer: 'https://errand.example.com',
  id: 'gr_5393b2703fa36d4cc05a4ebab5fb6eb8e4',
  tier: 'reviewed',
  delegate: { issuer: 'https://ci.example.com', subject: 'repo:example/shop', claims: { repository_id: '74' } },
  sealed: { run_id: '1001' },
  task: { description: 'Deploy', reference: '', max_tasks: 2 },
  access: [
    { audience: 'https://deploy.example.com', scope: 'deploy:production deploy:rollback', authorization_details: [] },
    { audience: 'https://database.example.com', scope: 'read', authorization_details: [DETAIL] },
  ],
  credential: { types: ['jwt'], max_ttl_seconds: 300, binding: 'none' },
  delegation: { to: [], max_depth: 0, max_children: 0 },
  purpose: 'release 4.2',
  requested_by: { kind: 'workload', id: 'spiffe://errand.example.com/ci/74' },
  owner: 'platform',
  decide_by: '2033-05-18T04:33:20Z',
  duration_seconds: 3600,
  required_reviews: [{ group: 'platform', count: 1 }],
}

describe('contract §1, "Review": the narrower terms that are approved', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'errand-narrow-'))
  })
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  const file = (content: unknown): string => {
    const name = join(folder, 'terms.json')
    writeFileSync(name, JSON.stringify(content))
    return name
  }

  test('where nothing is said, there are none', () => {
    expect(narrowTerms(TERMS, {})).toBeUndefined()
  })

  test('each number takes the place of its own, and nothing else changes', () => {
    expect(narrowTerms(TERMS, { duration: 600, maxTtl: 60, maxTasks: 1 })).toEqual({
      ...TERMS,
      duration_seconds: 600,
      credential: { ...TERMS.credential, max_ttl_seconds: 60 },
      task: { ...TERMS.task, max_tasks: 1 },
    })
  })

  test('scopes that are not named go; access of which nothing is left goes, and details stay', () => {
    const [deploy, database] = TERMS.access
    expect(narrowTerms(TERMS, { scope: ['deploy:rollback'] })?.access).toEqual([
      { ...deploy, scope: 'deploy:rollback' },
      { ...database, scope: '' },
    ])
    expect(narrowTerms(TERMS, { scope: ['read'] })?.access).toEqual([database])
    expect(narrowTerms(TERMS, { scope: ['read deploy:production', 'deploy:rollback'] })).toEqual(TERMS)
  })

  test('a file has members of them, or all', () => {
    expect(narrowTerms(TERMS, { terms: file({ duration_seconds: 60 }) })).toEqual({ ...TERMS, duration_seconds: 60 })
    const complete = { ...TERMS, duration_seconds: 60, task: { ...TERMS.task, max_tasks: 1 } }
    expect(narrowTerms(TERMS, { terms: file(complete) })).toEqual(complete)
  })

  test('an option stands above the file', () => {
    const terms = file({ duration_seconds: 60, credential: { ...TERMS.credential, binding: 'dpop' } })
    expect(narrowTerms(TERMS, { terms, duration: 30, maxTtl: 20 })).toEqual({
      ...TERMS,
      duration_seconds: 30,
      credential: { ...TERMS.credential, max_ttl_seconds: 20, binding: 'dpop' },
    })
  })

  test.each<[string, object]>([
    ['of another grant', { ...TERMS, id: 'gr_5393b2703fa36d4cc05a4ebab5fb6eb8e5' }],
    ['with a member that terms do not have', { scope: 'read' }],
    ['whose task is not an object', { task: 1 }],
    ['whose access is not a list', { access: {} }],
  ])('a file %s is a wrong argument', (_, content) => {
    expect(() => narrowTerms(TERMS, { terms: file(content) })).toThrow(
      expect.objectContaining({ exitCode: EXIT.usage }),
    )
  })
})
