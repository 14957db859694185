import { expect, test } from '@jest/globals'
import { depthOf } from '../../../src/exchange/act.js'

test.each([
  ['a root', undefined, 0],
  ['a ticket of a root: who hands it on', { sub: 'a' }, 0],
  ['a child', { sub: 'b', act: { sub: 'a' } }, 1],
  ['a grandchild', { sub: 'c', act: { sub: 'b', act: { sub: 'a' } } }, 2],
])('the depth of %s', (_, act, depth) => {
  expect(depthOf(act)).toBe(depth)
})
