import fc from 'fast-check'
import type { Access, AuthorizationDetail, Grant, RequiredReview, Review, Terms } from '../../../src/grants/grant.js'
import type { GrantRecord } from '../../../src/grants/grant-store.js'
import { digestOf } from '../../../src/grants/digest.js'
import type { JoinedTier } from '../../../src/grants/join-tiers.js'
import type { Person } from '../../../src/people/person.js'
import type { Guard, Resource, Tier } from '../../../src/policy/catalogue.js'
import type { Asked } from '../../../src/policy/resolve-access.js'
import { formatTime } from '../../../src/runtime/clock.js'
import { randomIds, type GrantId } from '../../../src/runtime/ids.js'
import type { Workload } from '../../../src/workloads/workload.js'

/** 2033-05-18T03:33:20Z */
export const NOW = 2_000_000_000
export const BROKER = 'https://errand.example.com'
export const CI = 'https://ci.example.com'
export const DEPLOY = 'https://deploy.example.com'
export const SHARD = 7

export const aWorkload = (more: Partial<Workload> = {}): Workload => ({
  source: 'ci',
  issuer: CI,
  subject: 'repo:acme/shop',
  spiffeId: 'spiffe://errand.test/ci/74',
  anchor: { claim: 'repository_id', value: '74' },
  sealed: { run_id: '9912' },
  claims: { repository_id: '74', run_id: '9912', sub: 'repo:acme/shop' },
  delegateClaims: { repository_id: '74' },
  description: 'a run of acme/shop',
  owner: 'platform',
  shard: SHARD,
  assertion: { key: 'k1', expiresAt: NOW + 300, reuse: 'once' },
  ...more,
})

export const aPerson = (name = 'ann', more: Partial<Person> = {}): Person => ({
  id: `corp:${name}`,
  source: 'corp',
  groups: ['platform'],
  roles: ['approver'],
  authTime: NOW - 10,
  amr: [],
  samePerson: `corp:${name}`,
  links: { ci: `ci-${name}` },
  ...more,
})

export const aTier = (more: Partial<Tier> = {}): Tier => ({
  name: 'reviewed',
  approval: [{ group: 'platform', count: 1 }],
  signed: false,
  separation: 'strict',
  binding: 'none',
  maxTtl: 300,
  fresh: 900,
  decideWithin: 3600,
  maxWindow: 30 * 86_400,
  maxDepth: 2,
  maxChildren: 3,
  ...more,
})

export const joined = (more: Partial<JoinedTier> = {}): JoinedTier => ({
  name: 'reviewed',
  requiredReviews: [{ group: 'platform', count: 1 }],
  signed: false,
  separation: 'strict',
  binding: 'none',
  maxTtl: 300,
  fresh: 900,
  decideWithin: 3600,
  maxWindow: 30 * 86_400,
  maxDepth: 2,
  maxChildren: 3,
  ...more,
})

export const access = (scope: string, details: readonly AuthorizationDetail[] = [], audience = DEPLOY): Access => ({
  audience,
  scope,
  authorization_details: details,
})

export const someTerms = (more: Partial<Terms> = {}): Terms => ({
  v: 1,
  issuer: BROKER,
  id: 'gr_47000000000000000000000000000000aa',
  tier: 'reviewed',
  delegate: { issuer: CI, subject: 'repo:acme/shop', claims: { repository_id: '74' } },
  sealed: { run_id: '9912' },
  task: { description: 'Deploy shop 4.2', reference: 'https://ci.example.com/runs/9912', max_tasks: 1 },
  access: [access('deploy:production')],
  credential: { types: ['jwt'], max_ttl_seconds: 300, binding: 'none' },
  delegation: { to: [], max_depth: 0, max_children: 0 },
  purpose: 'deploy shop 4.2',
  requested_by: { kind: 'workload', id: 'spiffe://errand.test/ci/74' },
  owner: 'platform',
  decide_by: formatTime(NOW + 3600),
  duration_seconds: 3600,
  required_reviews: [{ group: 'platform', count: 1 }],
  ...more,
})

export const pending = (terms: Partial<Terms> = {}, more: Partial<Grant> = {}): Grant => ({
  terms: someTerms(terms),
  status: 'pending',
  createdAt: NOW,
  reviews: [],
  ...more,
})

export const aReview = (grant: Pick<Grant, 'terms'>, name = 'ann', more: Partial<Review> = {}): Review => ({
  by: `corp:${name}`,
  same_person: `corp:${name}`,
  group: 'platform',
  decision: 'approve',
  reason: '',
  at: formatTime(NOW),
  digest: digestOf(grant.terms),
  auth_time: NOW - 10,
  linked: `ci-${name}`,
  ...more,
})

/** Approved by Ann. */
export function active(terms: Partial<Terms> = {}, more: Partial<Grant> = {}): Grant {
  const grant = pending(terms)
  return { ...grant, status: 'active', expiresAt: NOW + 3600, reviews: [aReview(grant)], ...more }
}

export const aRecord = (grant: Grant, more: Partial<GrantRecord> = {}): GrantRecord => ({
  id: grant.terms.id,
  version: 1,
  status: grant.status,
  deadline: grant.expiresAt ?? NOW,
  maxTasks: grant.terms.task.max_tasks,
  tasks: 0,
  document: '',
  index: { run: 'run' },
  ...more,
})

export const newId = (): GrantId => randomIds.grantId(SHARD)

export const aGuard = (tier: Tier = aTier(), allow: Guard['allow'] = []): Guard => ({ tier, allow })

export const aResource = (more: Partial<Resource> = {}): Resource => ({
  audience: DEPLOY,
  scopes: new Map([
    ['deploy:staging', aGuard()],
    ['deploy:production', aGuard()],
  ]),
  details: new Map(),
  credentials: ['jwt'],
  signingAlg: 'ES256',
  clients: [],
  ...more,
})

export const asked = (wanted: Access, more: Partial<Asked> = {}): Asked => ({
  resource: aResource(),
  access: wanted,
  guards: [],
  tier: joined(),
  ...more,
})

/* Few names, so that sets meet, contain and miss each other often. */
const NAMES = ['a', 'b', 'c', 'd'] as const
export const anyScope = fc.subarray([...NAMES]).map((names) => names.join(' '))
const anyValue = fc.oneof(
  fc.constantFrom<unknown>('x', 'y', 0, 1, true, false),
  fc.constantFrom({ k: 'x' }, { k: ['x'] }, { k: 'x', l: 1 }),
)
const anyMember = fc.oneof(anyValue, fc.array(anyValue, { maxLength: 3 }))
export const anyDetail: fc.Arbitrary<AuthorizationDetail> = fc
  .tuple(fc.constantFrom('query', 'file'), fc.dictionary(fc.constantFrom('actions', 'path', 'limit'), anyMember))
  .map(([type, members]) => ({ ...members, type }))
export const anyAccess: fc.Arbitrary<Access> = fc.record({
  audience: fc.constantFrom(DEPLOY, 'https://other.example.com'),
  scope: anyScope,
  authorization_details: fc.array(anyDetail, { maxLength: 3 }),
})

const anyText = fc.string({ unit: 'grapheme', maxLength: 12 })
const anyClaims = fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), anyText, { maxKeys: 3 })
const anySeconds = fc.integer({ min: 1, max: 4_000_000_000 })
export const anyRequired: fc.Arbitrary<readonly RequiredReview[]> = fc.uniqueArray(
  fc.record({ group: fc.constantFrom('platform', 'security', 'legal'), count: fc.integer({ min: 1, max: 3 }) }),
  { selector: ({ group }) => group, maxLength: 3 },
)

export const anyTerms: fc.Arbitrary<Terms> = fc.record({
  v: fc.constant(1 as const),
  issuer: fc.constant(BROKER),
  id: fc.constant('gr_47000000000000000000000000000000aa' as const),
  tier: anyText,
  delegate: fc.record({ issuer: anyText, subject: anyText, claims: anyClaims }),
  sealed: anyClaims,
  task: fc.record({ description: anyText, reference: anyText, max_tasks: fc.integer({ min: 1, max: 1_000_000 }) }),
  access: fc.array(anyAccess, { minLength: 1, maxLength: 3 }),
  credential: fc.record(
    {
      types: fc.subarray(['jwt', 'x509'] as const, { minLength: 1 }),
      max_ttl_seconds: fc.integer({ min: 1, max: 3600 }),
      binding: fc.constantFrom('none', 'dpop', 'mtls', 'any'),
      names: fc.record({ common_name: anyText, dns: fc.array(anyText, { maxLength: 2 }) }, { requiredKeys: ['dns'] }),
    },
    { requiredKeys: ['types', 'max_ttl_seconds', 'binding'] },
  ),
  delegation: fc.record({
    to: fc.array(anyText, { maxLength: 2 }),
    max_depth: fc.nat(16),
    max_children: fc.nat(1000),
  }),
  purpose: anyText,
  requested_by: fc.record({ kind: fc.constantFrom('workload', 'person'), id: anyText }),
  owner: anyText,
  decide_by: anySeconds.map(formatTime),
  duration_seconds: fc.integer({ min: 1, max: 30 * 86_400 }),
  required_reviews: anyRequired,
})

const anyReview = (terms: Terms): fc.Arbitrary<Review> =>
  fc.record(
    {
      by: anyText,
      same_person: anyText,
      group: anyText,
      decision: fc.constantFrom('approve', 'deny'),
      reason: anyText,
      at: anySeconds.map(formatTime),
      digest: fc.constantFrom(digestOf(terms), `sha256:${'0'.repeat(64)}`),
      auth_time: anySeconds,
      signature: fc.constant({ type: 'webauthn' }),
      unseparated: fc.constant(true as const),
      linked: anyText,
    },
    { requiredKeys: ['by', 'same_person', 'group', 'decision', 'reason', 'at', 'digest', 'auth_time'] },
  )

/** Any grant that a record can hold, in any status. */
export const anyGrant: fc.Arbitrary<Grant> = anyTerms.chain(
  (terms) =>
    fc.record(
      {
        terms: fc.constant(terms),
        status: fc.constantFrom('pending', 'active', 'denied', 'withdrawn', 'expired', 'completed', 'revoked'),
        createdAt: anySeconds,
        expiresAt: anySeconds,
        startedBy: fc.record({ source: anyText, id: anyText }, { requiredKeys: ['source'] }),
        requesterSamePerson: anyText,
        reviews: fc.array(anyReview(terms), { maxLength: 3 }),
        askedAs: anyText,
        ended: fc.record({
          reason: fc.constantFrom('completed', 'revoked', 'expired', 'denied', 'withdrawn'),
          at: anySeconds.map(formatTime),
          by: anyText,
        }),
      },
      { requiredKeys: ['terms', 'status', 'createdAt', 'reviews'] },
    ) as fc.Arbitrary<Grant>,
)
