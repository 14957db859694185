import { describe, expect, test } from '@jest/globals'
import type { Catalogue, Resource } from '../../../src/policy/catalogue.js'
import { normalizeTarget, resolveAccess } from '../../../src/policy/resolve-access.js'
import { access, aGuard, aResource, aTier, DEPLOY } from '../grants/fixtures.js'

const query = aGuard(aTier({ name: 'details' }))
const deploy: Resource = aResource({
  scopes: new Map([
    ['a', aGuard()],
    ['b', aGuard(aTier({ name: 'top', binding: 'dpop' }))],
    ['c', aGuard(aTier({ name: 'tls', binding: 'mtls' }))],
  ]),
  details: new Map([
    ['query', { ...query, check: (detail) => ((detail as { bad?: unknown }).bad === undefined ? undefined : 'bad') }],
  ]),
})
const plain: Resource = aResource({ audience: 'internal-api' })
const catalogue: Catalogue = {
  resources: new Map([deploy, plain].map((resource) => [resource.audience, resource])),
  tiers: new Map(),
  digest: 'sha256:x',
}
const refusal = (targets: readonly string[], scope: readonly string[], details: readonly { type: string }[] = []) => {
  const resolved = resolveAccess(catalogue, targets, scope, details)
  return resolved.ok ? undefined : resolved.refusal.reason
}

describe('contract §1, audience or resource: exactly one target', () => {
  test.each([
    ['as configured', [DEPLOY]],
    ['both, equal', [DEPLOY, DEPLOY]],
    ['both, equal when normalized', [DEPLOY, `${DEPLOY}/`]],
    ['in capitals, with the default port', ['HTTPS://Deploy.Example.COM:443']],
    ['with dots in the path', [`${DEPLOY}/x/..`]],
    ['a name that is no URL', ['internal-api']],
  ])('%s', (_, targets) => {
    expect(refusal(targets, targets[0] === 'internal-api' ? ['deploy:staging'] : ['a'])).toBeUndefined()
  })

  test.each([
    ['none', [], 'target_missing'],
    ['unknown', ['https://other.example.com'], 'target_unknown'],
    ['below the one that is served', [`${DEPLOY}/x`], 'target_unknown'],
    ['with a query', [`${DEPLOY}?x`], 'target_unknown'],
    ['with a fragment', [`${DEPLOY}#x`], 'target_unknown'],
    ['with a user', ['https://x@deploy.example.com'], 'target_unknown'],
    ['on another port', [`${DEPLOY}:8443`], 'target_unknown'],
    ['by plain http', ['http://deploy.example.com'], 'target_unknown'],
    ['a name in another case', ['Internal-API'], 'target_unknown'],
    ['what every object has', ['constructor'], 'target_unknown'],
    ['two', [DEPLOY, 'internal-api'], 'target_several'],
    ['two, one of them unknown', [DEPLOY, 'x'], 'target_several'],
  ])('%s is refused', (_, targets, reason) => {
    expect(refusal(targets, ['a'])).toBe(reason)
  })

  test('what is issued names the target as configured, however it was asked for', () => {
    const resolved = resolveAccess(catalogue, ['https://DEPLOY.example.com/'], ['a'], [])
    expect(resolved).toMatchObject({ ok: true, value: { access: access('a') } })
  })

  test('normalizing twice is normalizing once', () => {
    for (const target of ['HTTP://A.b:80/c/../d', 'urn:X:y', 'internal-api', 'a b', ''])
      expect(normalizeTarget(normalizeTarget(target))).toBe(normalizeTarget(target))
  })
})

describe('contract §1, scope and authorization_details: at least one, all of them known', () => {
  test.each<[string, readonly string[], readonly { type: string; [member: string]: unknown }[], string]>([
    ['neither', [], [], 'scope_missing'],
    ['an unknown scope', ['z'], [], 'scope_unknown'],
    ['an unknown scope beside a known one', ['a', 'z'], [], 'scope_unknown'],
    ['what every object has', ['toString'], [], 'scope_unknown'],
    ['details of an unknown type', [], [{ type: 'file' }], 'details_type_unknown'],
    ['details of a type of every object', [], [{ type: '__proto__' }], 'details_type_unknown'],
    ['details that their schema refuses', [], [{ type: 'query', bad: 1 }], 'details_invalid'],
    ['one bad detail beside a good one', [], [{ type: 'query' }, { type: 'query', bad: 1 }], 'details_invalid'],
    ['scopes that need different bindings', ['b', 'c'], [], 'tiers_incompatible'],
  ])('%s is refused', (_, scope, details, reason) => {
    expect(refusal([DEPLOY], scope, details)).toBe(reason)
  })

  test.each<[string, unknown]>([
    ['null', null],
    ['a fraction', 0.5],
    ['a number above the safe integers', 2 ** 53],
    ['a number below the safe integers', -(2 ** 53)],
    ['a number that JSON cannot write', Number.POSITIVE_INFINITY],
    ['half of a surrogate pair', '\ud800'],
    ['any of them inside', { x: [{ y: null }] }],
    ['half of a pair in a name', { '\udc00': 'x' }],
  ])('terms hold strings, safe integers, booleans, arrays and objects: a detail with %s is refused', (_, value) => {
    expect(refusal([DEPLOY], [], [{ type: 'query', x: value } as { type: string }])).toBe('details_invalid')
  })

  test('details that no token has room for are refused before anybody is asked', () => {
    const detail = (length: number) => ({ type: 'query', x: 'ü'.repeat(length) })
    expect(refusal([DEPLOY], [], [detail(3000)])).toBeUndefined()
    expect(refusal([DEPLOY], [], [detail(4000)])).toBe('details_invalid')
    expect(refusal([DEPLOY], [], [detail(2000), detail(2000)])).toBe('details_invalid')
  })

  test('a detail of all that terms may hold is known', () => {
    const detail = { type: 'query', x: [1, -1, 0, 'ü🚀', true, { y: [] }, 2 ** 53 - 1] }
    expect(refusal([DEPLOY], [], [detail])).toBeUndefined()
  })

  test('the tier in force is the join over each scope and detail', () => {
    const resolved = resolveAccess(catalogue, [DEPLOY], ['a', 'b'], [{ type: 'query' }])
    expect(resolved).toMatchObject({ ok: true, value: { tier: { name: 'details+reviewed+top', binding: 'dpop' } } })
    expect(resolved.ok && resolved.value.guards).toHaveLength(3)
  })
})
