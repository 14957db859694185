import { describe, expect, test } from '@jest/globals'
import { duration, facts, shown, table } from '../../../src/cli/text.js'

describe('texts for a terminal', () => {
  test('a stranger’s text cannot move the cursor or turn the reading direction', () => {
    expect(shown('release\u001B[2K\u001B[1A 4.2 \u202Egnp.exe')).toBe('release[2K[1A 4.2 gnp.exe')
  })

  test('columns stand below one another, and no line ends in spaces', () => {
    expect(
      table([
        ['A', 'LONG', 'C'],
        ['äöü', 'x', ''],
      ]),
    ).toBe('A    LONG  C\näöü  x')
  })

  test('facts leave out what is not there, and keep lines together', () => {
    expect(
      facts([
        ['who', 'shop\nthis run'],
        ['ended', undefined],
        ['purpose', ''],
      ]),
    ).toBe('who  shop\n     this run')
  })

  test.each([
    [0, '0s'],
    [59, '59s'],
    [60, '1m'],
    [3661, '1h 1m'],
    [90_061, '1d 1h'],
    [-5, '0s'],
  ])('%i seconds are %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text)
  })
})
