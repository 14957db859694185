import { describe, expect, test } from '@jest/globals'
import { limitKeyOf } from '../../../src/workloads/workload.js'

const anchor = { claim: 'repository_id', value: '74' }
const id = (path: string): string => `spiffe://errand.example.com/${path}`

describe('what the limit of a workload counts by', () => {
  test('source and anchor, whatever else the assertion says', () => {
    const keys = ['production', 'staging', '__'].map((segment) =>
      limitKeyOf({ spiffeId: id(`github/74/${segment}`), source: 'github', anchor }),
    )
    expect(new Set(keys)).toEqual(new Set(['github 74']))
  })

  test('no source can be taken for another with an anchor that begins with a space', () => {
    const key = (source: string, value: string) => limitKeyOf({ spiffeId: 'x', source, anchor: { ...anchor, value } })
    expect(key('ci', ' 74')).not.toBe(key('ci', '74'))
    expect(key('ci', 'a b')).not.toBe(key('ci-a', 'b'))
  })

  test('of a credential alone: its name as far as the anchor', () => {
    expect(limitKeyOf({ spiffeId: id('github/74/production') })).toBe(id('github/74'))
    expect(limitKeyOf({ spiffeId: id('github/74/a/b') })).toBe(id('github/74'))
    expect(limitKeyOf({ spiffeId: id('agents/planner') })).toBe(id('agents/planner'))
  })
})
