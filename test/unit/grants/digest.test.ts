import { createHash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { digestOf } from '../../../src/grants/digest.js'
import type { Terms } from '../../../src/grants/grant.js'
import { anyTerms, someTerms } from './fixtures.js'

/** RFC 8785 for what terms may hold, written from the text: members sorted by UTF-16 code units, JSON of ECMAScript. */
function jcs(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jcs).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${jcs(member)}`).join(',')}}`
}
const sha256 = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`

describe('contract §1, Digest: sha256 and lowercase hex over the JCS (RFC 8785) of the terms', () => {
  test('of one example, canonicalized by hand', () => {
    const canonical =
      '{"access":[{"audience":"https://deploy.example.com","authorization_details":[],"scope":"deploy:production"}],' +
      '"credential":{"binding":"none","max_ttl_seconds":300,"types":["jwt"]},' +
      '"decide_by":"2033-05-18T04:33:20Z",' +
      '"delegate":{"claims":{"repository_id":"74"},"issuer":"https://ci.example.com","subject":"repo:acme/shop"},' +
      '"delegation":{"max_children":0,"max_depth":0,"to":[]},' +
      '"duration_seconds":3600,"id":"gr_47000000000000000000000000000000aa","issuer":"https://errand.example.com",' +
      '"owner":"platform","purpose":"deploy shop 4.2",' +
      '"requested_by":{"id":"spiffe://errand.test/ci/74","kind":"workload"},' +
      '"required_reviews":[{"count":1,"group":"platform"}],"sealed":{"run_id":"9912"},' +
      '"task":{"description":"Deploy shop 4.2","max_tasks":1,"reference":"https://ci.example.com/runs/9912"},' +
      '"tier":"reviewed","v":1}'
    // `printf %s '…' | sha256sum`
    const hash = '59ba2c2c9ffecbd19421df8f86e9f3d81ad029a7789d06b126628041c7197bd9'
    expect(sha256(canonical)).toBe(`sha256:${hash}`)
    expect(digestOf(someTerms())).toBe(`sha256:${hash}`)
  })

  test('of any terms, as an independent canonicalization has it', () => {
    fc.assert(
      fc.property(anyTerms, (terms) => {
        expect(digestOf(terms)).toBe(sha256(jcs(terms)))
      }),
    )
  })

  test('the order of members means nothing, every value does', () => {
    const terms = someTerms()
    const reversed = Object.fromEntries(Object.entries(terms).reverse()) as unknown as Terms
    expect(digestOf(reversed)).toBe(digestOf(terms))
    const changes: Partial<Terms>[] = [
      { issuer: 'https://evil.example.com' },
      { id: 'gr_47000000000000000000000000000000ab' },
      { tier: 'low' },
      { delegate: { ...terms.delegate, subject: '*' } },
      { sealed: {} },
      { task: { ...terms.task, max_tasks: 2 } },
      { access: [...terms.access, ...terms.access] },
      { credential: { ...terms.credential, max_ttl_seconds: 301 } },
      { delegation: { ...terms.delegation, max_depth: 1 } },
      { purpose: 'deploy shop 4.2 ' },
      { requested_by: { kind: 'person', id: terms.requested_by.id } },
      { owner: 'security' },
      { decide_by: '2033-05-18T04:33:21Z' },
      { duration_seconds: 3601 },
      { required_reviews: [] },
    ]
    const digests = changes.map((change) => digestOf({ ...terms, ...change }))
    expect(new Set([...digests, digestOf(terms)]).size).toBe(changes.length + 1)
  })
})
