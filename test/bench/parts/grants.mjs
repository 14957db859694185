// @ts-check
// Grants by the hundred thousand, as the contract shows one, put into a store by its own verbs.
import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf } from '../../../dist/grants/digest.js'
import { joinKeyOf } from '../../../dist/grants/whereabouts.js'
import { formatTime } from '../../../dist/runtime/clock.js'
import { Fault } from '../../../dist/runtime/fault.js'
import { randomIds, shardOfWorkload } from '../../../dist/runtime/ids.js'

/** @typedef {import('../../../dist/grants/grant.js').Grant} Grant */
/** @typedef {import('../../../dist/grants/stores.js').Stores} Stores */
/** @typedef {import('../../../dist/grants/grant-safe.js').GrantSafe} GrantSafe */

const SOURCE = 'ci'
/** So many workloads share them; each grant is for a run of its own. */
const REPOSITORIES = 1000
const AT_ONCE = 128
const SHOWN_EACH = 100_000
const BACK_OFF_MS = 50

/**
 * @typedef {object} Place
 * @property {number} shard
 * @property {string} anchorKey
 * @property {string} run key of the index
 */

/**
 * @param {string} repository
 * @returns {Place}
 */
const placeOf = (repository) => ({
  shard: shardOfWorkload(SOURCE, repository),
  anchorKey: hash(JSON.stringify([SOURCE, repository])),
  run: hash(randomBytes(16)),
})

const hash = (/** @type {string | Buffer} */ data) => createHash('sha256').update(data).digest('base64url')

/**
 * The contract's sample (§1, "A grant"), reviewed by two people.
 * @param {{ index: number, now: number, expiresAt: number }} given
 * @returns {{ grant: Grant, place: Place }}
 */
export function sampleGrant({ index, now, expiresAt }) {
  const repository = String(index % REPOSITORIES)
  const place = placeOf(repository)
  /** @type {Grant['terms']} */
  const terms = {
    v: 1,
    issuer: 'https://errand.example.com',
    id: randomIds.grantId(place.shard),
    tier: 'critical',
    delegate: {
      issuer: 'https://token.actions.githubusercontent.com',
      subject: 'repo:acme/shop:*',
      claims: { repository_id: repository, environment: 'production' },
    },
    sealed: { run_id: String(9912 + index), run_attempt: '1', check_run_id: String(4411 + index) },
    task: { description: 'Deploy shop 4.2', reference: 'https://ci.example.com/acme/shop/runs/9912', max_tasks: 1 },
    access: [{ audience: 'https://deploy.example.com', scope: 'deploy:production', authorization_details: [] }],
    credential: { types: ['jwt', 'x509'], max_ttl_seconds: 600, binding: 'dpop' },
    delegation: { to: [], max_depth: 0, max_children: 0 },
    purpose: 'release 4.2 to production',
    requested_by: { kind: 'workload', id: `spiffe://errand.example.com/ci/${repository}/shop` },
    owner: 'platform',
    decide_by: formatTime(now + 3600),
    duration_seconds: expiresAt - now,
    required_reviews: [
      { group: 'platform', count: 1 },
      { group: 'security', count: 1 },
    ],
  }
  const digest = digestOf(terms)
  const review = (/** @type {string} */ by, /** @type {string} */ group) => ({
    by: `corp:${by}`,
    same_person: `corp:${by}`,
    group,
    decision: /** @type {const} */ ('approve'),
    reason: 'as discussed',
    at: formatTime(now),
    digest,
    auth_time: now,
    signature: { type: 'webauthn' },
  })
  return {
    place,
    grant: {
      terms,
      status: 'active',
      createdAt: now,
      expiresAt,
      reviews: [review('248289761001', 'platform'), review('248289761002', 'security')],
    },
  }
}

/**
 * Asked for, pending, then reviewed and active: by the verbs that do it for people, without evidence.
 * @param {Stores['grants']} store
 * @param {GrantSafe} safe
 * @param {ReturnType<typeof sampleGrant>} sample
 * @param {number} now
 */
export async function keepReviewed(store, safe, { grant, place }, now) {
  /** @type {Grant} */
  const { expiresAt: _expiresAt, ...pending } = { ...grant, status: 'pending', reviews: [] }
  const index = { run: place.run }
  const joinKey = joinKeyOf(grant.terms)
  const { anchorKey } = place
  const asked = {
    record: safe.close(pending, 1, index),
    claims: [],
    joinKey,
    anchorKey,
    pendingLimit: 1e9,
    events: [],
    now,
  }
  const requested = await store.request(asked)
  const revision = { record: safe.close(grant, 2, index), from: 1, joinKey, anchorKey, at: now, events: [] }
  const revised = await store.revise(revision)
  if (requested.kind !== 'requested' || revised !== 'revised') throw new Error(`${requested.kind} ${revised}`)
}

/**
 * Active from the start: the same record in one step, for filling a store.
 * @param {Stores['grants']} store
 * @param {GrantSafe} safe
 * @param {ReturnType<typeof sampleGrant>} sample
 * @param {number} now
 */
export async function keepActive(store, safe, { grant, place }, now) {
  const record = safe.close(grant, 1, { run: place.run })
  const { kind } = await store.request({
    record,
    claims: [],
    anchorKey: place.anchorKey,
    pendingLimit: 1e9,
    events: [],
    now,
  })
  if (kind !== 'requested') throw new Error(kind)
}

/**
 * @param {number} count
 * @param {(index: number) => Promise<void>} act many at once; again later when the store says that it cannot now
 */
export async function many(count, act) {
  let next = 0
  const worker = async () => {
    for (let index = next++; index < count; index = next++) {
      if (index > 0 && index % SHOWN_EACH === 0) process.stderr.write(`${String(index)} of ${String(count)}\n`)
      while (!(await kept(act, index))) await sleep(BACK_OFF_MS)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/**
 * A store that is filled as fast as this falls behind, and then refuses, as it would refuse a client.
 * @param {(index: number) => Promise<void>} act
 * @param {number} index
 */
async function kept(act, index) {
  try {
    await act(index)
    return true
  } catch (error) {
    if (error instanceof Fault && error.code === 'store_unavailable') return false
    throw error
  }
}
