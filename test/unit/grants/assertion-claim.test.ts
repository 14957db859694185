import { describe, expect, test } from '@jest/globals'
import { claimsOn } from '../../../src/grants/assertion-claim.js'
import type { Reuse } from '../../../src/workloads/workload.js'
import { aWorkload, newId, NOW } from './fixtures.js'

const id = newId()
const showing = (reuse: Reuse, key = 'k1') => aWorkload({ assertion: { key, expiresAt: NOW + 300, reuse } })

describe('contract §3, reuse', () => {
  test('once: a use that nothing equals, until the assertion expires', () => {
    expect(claimsOn([showing('once')], id, 'a', [])).toEqual([{ key: 'k1', binding: '', until: NOW + 300 }])
  })

  test('until_expiry: nothing is used up', () => {
    expect(claimsOn([showing('until_expiry')], id, '', [])).toEqual([])
  })

  test('task: bound to one grant, one task and its keys by the first use', () => {
    const [first] = claimsOn([showing('task')], id, 'a', ['jkt'])
    expect(first?.binding).not.toBe('')
    expect(claimsOn([showing('task')], id, 'a', ['jkt'])).toEqual([first])
    const others = [
      claimsOn([showing('task')], newId(), 'a', ['jkt']),
      claimsOn([showing('task')], id, 'b', ['jkt']),
      claimsOn([showing('task')], id, 'a', ['other']),
      claimsOn([showing('task')], id, 'a', []),
    ]
    for (const [other] of others) expect(other?.binding).not.toBe(first?.binding)
  })

  test('one assertion in two roles is used once; two are both used', () => {
    expect(claimsOn([showing('once'), showing('once')], id, '', [])).toHaveLength(1)
    expect(claimsOn([showing('once'), showing('once', 'k2')], id, '', []).map(({ key }) => key)).toEqual(['k1', 'k2'])
  })
})
