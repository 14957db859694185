import { describe, expect, test } from '@jest/globals'
import type { Api, ApiRequest } from '../../../src/cli/api.js'
import { EXIT } from '../../../src/cli/exit-codes.js'
import { checkTerms } from '../../../src/cli/grants.js'
import { showGrant } from '../../../src/cli/show-grant.js'
import { parseGrant } from '../../../src/cli/wire.js'
import { digestOf } from '../../../src/grants/digest.js'
import type { Terms } from '../../../src/grants/grant.js'

const ISSUER = 'https://errand.example.com'

const TERMS: Terms = {
  v: 1,
  issuer: ISSUER,
  id: 'gr_5393b2703fa36d4cc05a4ebab5fb6eb8e4',
  tier: 'reviewed',
  delegate: { issuer: 'https://ci.example.com', subject: 'repo:acme/shop', claims: { sub: 'repo:acme/shop' } },
  sealed: { run_id: '1001' },
  task: { description: 'Deploy', reference: '', max_tasks: 1 },
  access: [{ audience: 'https://deploy.example.com', scope: 'deploy:production', authorization_details: [] }],
  credential: { types: ['jwt'], max_ttl_seconds: 300, binding: 'none' },
  delegation: { to: [], max_depth: 0, max_children: 0 },
  purpose: 'release 4.2',
  requested_by: { kind: 'workload', id: 'spiffe://errand.example.com/ci/shop' },
  owner: 'platform',
  decide_by: '2033-05-18T04:33:20Z',
  duration_seconds: 3600,
  required_reviews: [{ group: 'platform', count: 1 }],
}

/** As the broker shows it (contract §1, "A grant"). */
const documentOf = (terms: Terms, changed: object = {}): unknown => {
  const { v: _v, issuer: _issuer, ...shown } = terms
  const digest = digestOf(terms)
  return { ...shown, status: 'pending', created_at: '2033-05-18T03:33:20Z', digest, reviews: [], ...changed }
}

const broker = (issuer: string): Api & { readonly requests: ApiRequest[] } => {
  const requests: ApiRequest[] = []
  return {
    url: issuer,
    requests,
    send: (request) => {
      requests.push(request)
      return Promise.resolve({ status: 200, body: { issuer } })
    },
  }
}

describe('what is shown is what is approved', () => {
  test('the digest is made here, over the terms as they were read', async () => {
    await expect(checkTerms(broker(ISSUER), parseGrant(documentOf(TERMS)))).resolves.toEqual(TERMS)
  })

  test.each<[string, object]>([
    ['why', { purpose: 'nothing to see here' }],
    ['how long', { duration_seconds: 60 }],
    ['what', { access: [{ audience: 'https://deploy.example.com', scope: 'read', authorization_details: [] }] }],
    ['who', { sealed: { run_id: '1002' } }],
    ['who decides', { required_reviews: [] }],
    ['handing on', { delegation: { to: ['spiffe://a/b'], max_depth: 1, max_children: 1 } }],
  ])('a broker that shows another %s than it has people approve is found out', async (_, changed) => {
    const check = checkTerms(broker(ISSUER), parseGrant(documentOf(TERMS, changed)))
    await expect(check).rejects.toMatchObject({ exitCode: EXIT.fault })
  })

  test('and so is a grant of another broker', async () => {
    const check = checkTerms(broker('https://other.example.com'), parseGrant(documentOf(TERMS)))
    await expect(check).rejects.toMatchObject({ exitCode: EXIT.fault })
  })

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['a list', []],
    ['no id', documentOf(TERMS, { id: 'gr_../evidence' })],
    ['no access', documentOf(TERMS, { access: 'all' })],
    ['no terms', { id: TERMS.id, status: 'pending' }],
  ])('an answer with %s is no grant', (_, answer) => {
    expect(() => parseGrant(answer)).toThrow(expect.objectContaining({ exitCode: EXIT.fault }))
  })

  test('a stranger’s words stand as data: no line and no control character of theirs', () => {
    const purpose = 'fine\u001B[2K\ndigest  sha256:made-up'
    const text = showGrant(parseGrant(documentOf({ ...TERMS, purpose })), 2_000_000_000)
    expect(text).toContain('“fine[2Kdigest  sha256:made-up”')
    expect(text.split('\n').filter((line) => line.startsWith('digest'))).toHaveLength(1)
    expect(text).toMatch(/decide by +2033-05-18T04:33:20Z \(1h left\)/)
  })
})
