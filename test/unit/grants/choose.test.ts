import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { chooseGrant, isFor, type ChoiceFacts, type OpenedGrant } from '../../../src/grants/choose.js'
import type { Grant, Terms } from '../../../src/grants/grant.js'
import type { GrantRecord } from '../../../src/grants/grant-store.js'
import { end } from '../../../src/grants/lifecycle.js'
import type { GrantId, TaskId } from '../../../src/runtime/ids.js'
import { compilePattern, type Pattern } from '../../../src/workloads/pattern.js'
import {
  access,
  active,
  aRecord,
  aResource,
  aReview,
  asked,
  aWorkload,
  joined,
  newId,
  NOW,
  pending,
} from './fixtures.js'

const id = (n: number): GrantId => `gr_47${String(n).padStart(32, '0')}`
const task = (n: number): TaskId => `tk_47${String(n).padStart(32, '0')}`
const opened = (grant: Grant, record: Partial<GrantRecord> = {}): OpenedGrant => ({
  grant,
  record: aRecord(grant, record),
})
const wanted = access('deploy:production')
const facts = (more: Partial<ChoiceFacts> = {}): ChoiceFacts => ({
  workload: aWorkload(),
  asked: asked(wanted),
  type: 'jwt',
  tasks: [],
  now: NOW,
  ...more,
})
/** A grant by its terms, whose review is of them. */
const grantOf = (terms: Partial<Terms> = {}, more: Partial<Grant> = {}) => active({ id: id(1), ...terms }, more)
const standing = (n: number, more: Partial<Terms> = {}) =>
  opened(grantOf({ id: id(n), sealed: {}, task: { description: '', reference: '', max_tasks: 10 }, ...more }), {
    maxTasks: 10,
  })
const sealedTo = (n: number) => opened(grantOf({ id: id(n) }))
const open = (grant: number, n = grant) => ({ grantId: id(grant), taskId: task(n), open: true })
const over = (grant: number, n = grant) => ({ grantId: id(grant), taskId: task(n), open: false })

/** Both types, with these names. */
const certified = (names: NonNullable<Terms['credential']['names']>) =>
  grantOf({ credential: { types: ['jwt', 'x509'], max_ttl_seconds: 1, binding: 'none', names } })
const patterns = (...texts: readonly string[]): readonly Pattern[] =>
  texts.map((text) => {
    const compiled = compilePattern(text)
    if (!compiled.ok) throw new Error(text)
    return compiled.value
  })
const naming = asked(wanted, {
  resource: aResource({
    credentials: ['jwt', 'x509'],
    certificateNames: { commonName: patterns('deploy*'), dns: patterns('*.example.com') },
  }),
})

describe('contract §1, Which grant', () => {
  test('with names that the resource lets through gives a certificate; a JWT carries none of them', () => {
    const grant = opened(certified({ common_name: 'deployer', dns: ['db.example.com'] }))
    expect(chooseGrant([grant], facts({ type: 'x509', asked: naming })).kind).toBe('use')
    expect(chooseGrant([grant], facts({ type: 'jwt' })).kind).toBe('use')
  })

  test('none', () => {
    expect(chooseGrant([], facts())).toEqual({ kind: 'none' })
  })

  test('the single one', () => {
    const one = standing(1)
    expect(chooseGrant([one], facts())).toEqual({ kind: 'use', chosen: one, task: undefined })
  })

  test('one sealed to the run before any other', () => {
    const sealed = sealedTo(2)
    expect(chooseGrant([standing(1), sealed, standing(3)], facts())).toEqual({
      kind: 'use',
      chosen: sealed,
      task: undefined,
    })
  })

  test('one whose task this run has open before one sealed to it', () => {
    const working = standing(1)
    expect(chooseGrant([sealedTo(2), working], facts({ tasks: [open(1)] }))).toEqual({
      kind: 'use',
      chosen: working,
      task: task(1),
    })
  })

  test.each([
    ['open tasks', [standing(2), standing(1), standing(3)], [open(1), open(2)], [1, 2]],
    ['sealed ones', [sealedTo(2), sealedTo(1), standing(3)], [], [1, 2]],
    ['others', [standing(3), standing(1)], [], [1, 3]],
  ] as const)('several %s: they are named, for the caller to name one', (_, grants, tasks, ids) => {
    expect(chooseGrant(grants, facts({ tasks }))).toEqual({ kind: 'several', ids: ids.map(id) })
  })

  test('a grant whose tasks are used up is no choice, but the task that is open under it is', () => {
    const full = opened(grantOf(), { tasks: 1 })
    expect(chooseGrant([full], facts())).toEqual({ kind: 'none' })
    expect(chooseGrant([full], facts({ tasks: [open(1)] }))).toMatchObject({ kind: 'use', task: task(1) })
    expect(chooseGrant([full, standing(2)], facts())).toMatchObject({ kind: 'use', chosen: { record: { id: id(2) } } })
  })

  test('invariant 8: how many tasks people approved, the document says, not the store', () => {
    expect(chooseGrant([opened(grantOf(), { tasks: 1, maxTasks: 99 })], facts())).toEqual({ kind: 'none' })
  })

  test('an ended task key refuses for ever: no new task of that name under that grant', () => {
    expect(chooseGrant([standing(1)], facts({ tasks: [over(1)] }))).toEqual({ kind: 'task_ended' })
  })

  test('another grant serves where a task has ended under the first', () => {
    expect(chooseGrant([standing(1), standing(2)], facts({ tasks: [over(1)] }))).toMatchObject({
      kind: 'use',
      chosen: { record: { id: id(2) } },
      task: undefined,
    })
  })

  test('whatever there is, only what covers is chosen, and in the order of the steps', () => {
    const kind = fc.constantFrom('standing', 'sealed', 'foreign', 'ended')
    const state = fc.constantFrom('none', 'open', 'over')
    fc.assert(
      fc.property(fc.array(fc.tuple(kind, state), { maxLength: 5 }), (specs) => {
        const grants = specs.map(([which], at) => {
          if (which === 'sealed') return sealedTo(at)
          if (which === 'ended') return opened(end(grantOf({ id: id(at) }), 'revoked', 'x', NOW))
          return which === 'foreign' ? standing(at, { access: [access('deploy:staging')] }) : standing(at)
        })
        const tasks = specs.flatMap(([, is], at) => (is === 'none' ? [] : [is === 'open' ? open(at) : over(at)]))
        const choice = chooseGrant(grants, facts({ tasks }))
        const usable = specs.map(([which, is]) => (which === 'standing' || which === 'sealed') && is !== 'over')
        const inStep = [
          specs.map(([, is], at) => usable[at] === true && is === 'open'),
          specs.map(([which], at) => usable[at] === true && which === 'sealed'),
          usable,
        ].find((step) => step.includes(true))
        const count = inStep?.filter(Boolean).length ?? 0
        if (count > 1) expect(choice.kind).toBe('several')
        else if (count === 1)
          expect(choice).toMatchObject({ kind: 'use', chosen: { record: { id: id(inStep?.indexOf(true) ?? -1) } } })
        else expect(['none', 'task_ended']).toContain(choice.kind)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('invariant 1: a grant serves only whom and what it was approved for, while it is in force', () => {
  const reviewedTwice = grantOf()
  test.each<[string, Grant, Partial<ChoiceFacts>]>([
    ['pending', pending(), {}],
    ['expired by the clock', grantOf(), { now: NOW + 3600 }],
    ['active without an end', { ...grantOf(), expiresAt: undefined } as unknown as Grant, {}],
    ['revoked', end(grantOf(), 'revoked', 'x', NOW), {}],
    ['of another run', grantOf({ sealed: { run_id: '1' } }), {}],
    ['of a run with an id that this one does not have', grantOf({ sealed: { run_id: '9912', run_attempt: '1' } }), {}],
    ['sealed by what every object has', grantOf({ sealed: { toString: 'x' } }), {}],
    [
      'of another subject',
      grantOf({
        delegate: { issuer: 'https://ci.example.com', subject: 'repo:acme/other', claims: { repository_id: '74' } },
      }),
      {},
    ],
    [
      'of another issuer',
      grantOf({ delegate: { issuer: 'https://other.example.com', subject: '*', claims: { repository_id: '74' } } }),
      {},
    ],
    [
      'of another anchor',
      grantOf({ delegate: { issuer: 'https://ci.example.com', subject: '*', claims: { repository_id: '75' } } }),
      {},
    ],
    [
      'with a pattern for the anchor',
      grantOf({ delegate: { issuer: 'https://ci.example.com', subject: '*', claims: { repository_id: '7*' } } }),
      {},
    ],
    ['without an anchor', grantOf({ delegate: { issuer: 'https://ci.example.com', subject: '*', claims: {} } }), {}],
    ['of less scope', grantOf({ access: [access('deploy:staging')] }), {}],
    ['of another target', grantOf({ access: [access('deploy:production', [], 'https://other.example.com')] }), {}],
    [
      'of another type of credential',
      grantOf({ credential: { types: ['x509'], max_ttl_seconds: 1, binding: 'none' } }),
      {},
    ],
    [
      'of JWTs alone, where a certificate is wanted,',
      grantOf({ credential: { types: ['jwt'], max_ttl_seconds: 1, binding: 'none' } }),
      { type: 'x509' },
    ],
    ['with a name that the resource does not let through', certified({ dns: ['db.example.com'] }), { type: 'x509' }],
    [
      'with a common name that the resource does not let through any more',
      certified({ common_name: 'root', dns: ['db.example.com'] }),
      { type: 'x509', asked: naming },
    ],
    ['with fewer reviews than its terms ask for', { ...reviewedTwice, reviews: [] }, {}],
    [
      'with fewer reviews than the tier asks for today',
      grantOf(),
      { asked: asked(wanted, { tier: joined({ requiredReviews: [{ group: 'security', count: 1 }] }) }) },
    ],
    ['approved by who started this run', grantOf(), { workload: aWorkload({ startedBy: { id: 'ci-ann' } }) }],
  ])('one that is %s does not', (_, grant, more) => {
    expect(chooseGrant([opened(grant)], facts(more))).toEqual({ kind: 'none' })
  })

  test('of more scope than asked, it does', () => {
    const grant = grantOf({ access: [access('deploy:production deploy:staging')] })
    expect(chooseGrant([opened(grant)], facts())).toMatchObject({ kind: 'use' })
  })

  test('isFor asks everything but the scope', () => {
    const grant = grantOf({ access: [access('deploy:staging')] })
    expect(isFor(grant, facts())).toBe(true)
    expect(isFor({ ...grant, reviews: [aReview(grant, 'ann', { decision: 'deny' })] }, facts())).toBe(false)
    expect(isFor(grantOf({ id: newId(), sealed: { run_id: '1' } }), facts())).toBe(false)
  })
})
