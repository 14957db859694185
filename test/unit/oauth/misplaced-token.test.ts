import { describe, expect, test } from '@jest/globals'
import { holdsToken } from '../../../src/oauth/misplaced-token.js'

const JWT = 'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl'

describe('a text that will be recorded', () => {
  test.each([
    ['a token', JWT],
    ['a token in a sentence', `please take ${JWT} instead`],
    ['a token in a URL', `https://x.example.com/?token=${JWT}`],
    ['a token without its signature', 'eyJhbGciOiJub25lIn0.e30.'],
    ['a deferral code', `dc_${'A-_9'.repeat(10)}abc`],
  ])('holds %s', (_case, text) => {
    expect(holdsToken(text)).toBe(true)
  })
  test.each([
    ['nothing', ''],
    ['a sentence', 'Deploy shop 4.2 to production'],
    ['an id of ours', `gr_4${'0'.repeat(33)}`],
    ['a digest', `sha256:${'0'.repeat(64)}`],
    ['a word with these letters', 'HeyJude.wav'],
    ['a short word with this prefix', 'dc_motor'],
  ])('does not hold one when it is %s', (_case, text) => {
    expect(holdsToken(text)).toBe(false)
  })
})
