import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { digestOf } from '../../../src/grants/digest.js'
import { activeByRule, pendingForRun, type RunRequest } from '../../../src/grants/grant-for-run.js'
import { joinKeyOf } from '../../../src/grants/whereabouts.js'
import { access, aResource, asked, aWorkload, BROKER, joined, newId, NOW } from './fixtures.js'

const request = (more: Partial<RunRequest> = {}): RunRequest => ({
  issuer: BROKER,
  id: newId(),
  workload: aWorkload({ subject: 'repo:acme/*' }),
  asked: asked(access('deploy:production')),
  task: '',
  lifetime: undefined,
  purpose: 'why',
  now: NOW,
  ...more,
})

describe('a grant that an exchange asks for', () => {
  test('gives each type of credential that the resource takes, and no names', () => {
    const both = asked(access('deploy:production'), { resource: aResource({ credentials: ['jwt', 'x509'] }) })
    expect(pendingForRun(request()).terms.credential.types).toEqual(['jwt'])
    expect(pendingForRun(request({ asked: both })).terms.credential).toEqual({
      types: ['jwt', 'x509'],
      max_ttl_seconds: expect.any(Number),
      binding: 'none',
    })
  })

  test('is for this workload and this run, for one task, and hands nothing on', () => {
    const { terms, status } = pendingForRun(request())
    expect(status).toBe('pending')
    expect(terms).toMatchObject({
      delegate: { issuer: 'https://ci.example.com', claims: { repository_id: '74' } },
      sealed: { run_id: '9912' },
      task: { max_tasks: 1 },
      access: [access('deploy:production')],
      delegation: { to: [], max_depth: 0, max_children: 0 },
      requested_by: { kind: 'workload', id: 'spiffe://errand.test/ci/74' },
      owner: 'platform',
      decide_by: '2033-05-18T04:33:20Z',
      required_reviews: [{ group: 'platform', count: 1 }],
    })
  })

  test('contract §1: delegates that are derived from an assertion are literal', () => {
    expect(pendingForRun(request()).terms.delegate.subject).toBe('repo:acme/\\*')
  })

  test('its measures are those of the tier, or less', () => {
    const bounds = fc.record({
      lifetime: fc.option(fc.integer({ min: 1, max: 10_000 }), { nil: undefined }),
      maxTtl: fc.integer({ min: 1, max: 3600 }),
      maxWindow: fc.integer({ min: 1, max: 200_000 }),
    })
    fc.assert(
      fc.property(bounds, ({ lifetime, maxTtl, maxWindow }) => {
        const tier = joined({ maxTtl, maxWindow })
        for (const grant of [
          pendingForRun(request({ lifetime, asked: asked(access('a'), { tier }) })),
          activeByRule(request({ lifetime, asked: asked(access('a'), { tier }) }), ['r']),
        ]) {
          expect(grant.terms.credential.max_ttl_seconds).toBeLessThanOrEqual(Math.min(maxTtl, lifetime ?? maxTtl))
          expect(grant.terms.duration_seconds).toBeLessThanOrEqual(maxWindow)
          expect(grant.expiresAt ?? NOW).toBeLessThanOrEqual(NOW + maxWindow)
        }
      }),
    )
  })

  test('contract §3, approval policy: active at once, with the rules as its reviewers', () => {
    const tier = joined({ requiredReviews: [], maxWindow: 600 })
    const grant = activeByRule(request({ asked: asked(access('a'), { tier }) }), ['0.a.0', '0.b.1'])
    expect(grant).toMatchObject({ status: 'active', expiresAt: NOW + 600 })
    expect(grant.reviews).toMatchObject([
      { by: 'rule:0.a.0', decision: 'approve', digest: digestOf(grant.terms), group: '' },
      { by: 'rule:0.b.1', decision: 'approve', digest: digestOf(grant.terms), group: '' },
    ])
  })

  test('who started the run is kept, for separation of duty', () => {
    expect(pendingForRun(request({ workload: aWorkload({ startedBy: { id: '5' } }) })).startedBy).toEqual({
      source: 'ci',
      id: '5',
    })
  })

  test('two equal requests of one run join; another task, lifetime or purpose does not', () => {
    const key = (more: Partial<RunRequest> = {}) => joinKeyOf(pendingForRun(request(more)).terms)
    expect(key({ now: NOW + 7 })).toBe(key())
    for (const more of [{ task: 'b' }, { lifetime: 10 }, { purpose: 'else' }]) expect(key(more)).not.toBe(key())
  })
})
