import { expect, test } from '@jest/globals'
import { inspect } from 'node:util'
import { Secret } from '../../../src/runtime/secret.js'

test('a secret shows itself nowhere but where it is asked to', () => {
  const secret = new Secret('hunter2')
  const shown = [
    String(secret),
    ['a', secret].join(' '),
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ secret }, { showHidden: true }),
  ]
  expect(shown.join(' ')).not.toContain('hunter2')
  expect(Object.keys(secret)).toEqual([])
  expect(secret.reveal()).toBe('hunter2')
})
