import { expect, test } from '@jest/globals'
import { hint, nearest } from '../../../src/config/suggest.js'

const known = ['approval', 'max_ttl', 'max_window', 'fresh', 'encryption_key_file']

test.each([
  ['aproval', 'approval'],
  ['max_tll', 'max_ttl'],
  ['Fresh', 'fresh'],
  ['encryption_key', 'encryption_key_file'],
  ['window', undefined],
  ['zz', undefined],
])('%s: did you mean %s?', (word, meant) => {
  expect(nearest(word, known)).toBe(meant)
})

test('where nothing is near, what is known is listed', () => {
  expect(hint('zz', known, 'known')).toBe(`known here: ${known.join(', ')}`)
  expect(hint('zz', [], 'tiers')).toBe('there are no tiers here: remove it')
})
