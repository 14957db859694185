import { describe, expect, test } from '@jest/globals'
import canonicalize from 'canonicalize'
import fc from 'fast-check'
import { describeEvents } from '../../../src/evidence/describe-event.js'
import { encodeEvent } from '../../../src/evidence/encode-event.js'
import type { EventDraft, EventType } from '../../../src/evidence/event.js'
import { canonicalTerms } from '../../../src/grants/digest.js'
import { formatTime } from '../../../src/runtime/clock.js'
import { randomIds } from '../../../src/runtime/ids.js'
import { NOW, SHARD, someTerms } from '../grants/fixtures.js'

const text = fc.string({ unit: 'grapheme', maxLength: 12 })
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    text,
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(text, tie('any'), { maxKeys: 4 }),
  ),
})).any
const nullable = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
const anyDraft = fc.record({
  v: fc.constant(1),
  id: fc.constant(randomIds.eventId(SHARD)),
  at: fc.integer({ min: 0, max: 4_000_000_000 }).map(formatTime),
  shard: fc.nat(63),
  stream: fc.constantFrom('approval', 'issuance', 'use', 'revocation'),
  type: fc.constantFrom('grant.requested', 'task.opened', 'exchange.refused'),
  grant_id: nullable(text),
  task_id: nullable(text),
  credential_id: nullable(text),
  parent_id: nullable(text),
  workload: nullable(text),
  person: nullable(text),
  audience: nullable(text),
  policy_digest: nullable(text),
  data: fc.dictionary(text, value, { maxKeys: 5 }),
}) as fc.Arbitrary<EventDraft>

describe('an evidence event is the JCS of the whole, seq included', () => {
  test('any event, with the seq that the store puts in', () => {
    fc.assert(
      fc.property(anyDraft, fc.maxSafeInteger().map(Math.abs), (draft, seq) => {
        const { shard, before, after } = encodeEvent(draft)
        const line = `${before}${seq}${after}`
        expect(shard).toBe(draft.shard)
        expect(line).toBe(canonicalize({ ...draft, seq }))
        expect(JSON.parse(line)).toEqual({ ...draft, seq })
      }),
      { numRuns: 1000 },
    )
  })

  test('terms that were canonicalized before stand in it as they are', () => {
    const describe = describeEvents({ ids: randomIds, policyDigest: 'p' })
    const terms = someTerms()
    const { before, after } = describe(SHARD, 'grant.requested', NOW, {}, { terms: canonicalTerms(terms), a: 1 })
    const event = JSON.parse(`${before}1${after}`) as { data: unknown }
    expect(event.data).toEqual({ a: 1, terms })
    expect(canonicalize(event)).toBe(`${before}1${after}`)
  })

  test('every event has all the members of version 1; what it is not about is null', () => {
    const { before, after } = describeEvents({ ids: randomIds, policyDigest: 'sha256:p' })(
      SHARD,
      'key.rotated',
      NOW,
      {},
    )
    expect(JSON.parse(`${before}7${after}`)).toEqual({
      v: 1,
      id: expect.stringMatching(/^ev_[4-7][0-9a-f]{33}$/),
      at: '2033-05-18T03:33:20Z',
      shard: SHARD,
      seq: 7,
      stream: 'issuance',
      type: 'key.rotated',
      grant_id: null,
      task_id: null,
      credential_id: null,
      parent_id: null,
      workload: null,
      person: null,
      audience: null,
      policy_digest: 'sha256:p',
      data: {},
    })
  })

  test.each<[EventType, string]>([
    ['grant.requested', 'approval'],
    ['review.recorded', 'approval'],
    ['grant.denied', 'approval'],
    ['credential.issued', 'issuance'],
    ['exchange.refused', 'issuance'],
    ['task.renewed', 'use'],
    ['task.completed', 'revocation'],
    ['credential.revoked', 'revocation'],
    ['grant.revoked', 'revocation'],
  ])('%s is told in the stream %s', (type, stream) => {
    const { after } = describeEvents({ ids: randomIds, policyDigest: 'p' })(SHARD, type, NOW, {})
    expect(after).toContain(`"stream":"${stream}"`)
  })
})
