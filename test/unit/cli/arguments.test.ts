import { describe, expect, test } from '@jest/globals'
import { InvalidArgumentError } from 'commander'
import { brokerUrl, grantId, namedValue, repeated, seconds, taskId, wholeNumber } from '../../../src/cli/arguments.js'

const DIGITS = '5393b2703fa36d4cc05a4ebab5fb6eb8e4'

describe('values on the command line', () => {
  test.each([
    ['90s', 90],
    ['15m', 900],
    ['1h', 3600],
    ['30d', 2_592_000],
  ])('the time %s is %i seconds', (text, value) => {
    expect(seconds(text)).toBe(value)
  })

  test.each(['', '90', '0s', '-1s', '1.5h', '1w', '1h30m', ' 1h'])('“%s” is no time', (text) => {
    expect(() => seconds(text)).toThrow(InvalidArgumentError)
  })

  test('a whole number is digits', () => {
    expect(wholeNumber('50')).toBe(50)
    for (const text of ['-1', '1e3', '01', '']) expect(() => wholeNumber(text)).toThrow(InvalidArgumentError)
  })

  test('names and values are collected, and a value may hold =', () => {
    expect(namedValue('ref=a=b', namedValue('repository_id=74'))).toEqual({ repository_id: '74', ref: 'a=b' })
    expect(() => namedValue('=b')).toThrow(InvalidArgumentError)
    expect(repeated('b', repeated('a'))).toEqual(['a', 'b'])
  })

  test('an id is of its kind, and nothing that would lead to another path', () => {
    expect(grantId(`gr_${DIGITS}`)).toBe(`gr_${DIGITS}`)
    for (const text of [`tk_${DIGITS}`, `gr_${DIGITS}/revoke`, 'gr_', `gr_${DIGITS}\n`, '../evidence/events'])
      expect(() => grantId(text)).toThrow(InvalidArgumentError)
    expect(taskId(`tk_${DIGITS}`)).toBe(`tk_${DIGITS}`)
  })

  test('an address loses the slash at its end, its query and its fragment', () => {
    expect(brokerUrl('https://errand.example.com/tenant/?a=b#c')).toBe('https://errand.example.com/tenant')
    for (const text of ['errand.example.com', 'ftp://errand.example.com', ''])
      expect(() => brokerUrl(text)).toThrow(InvalidArgumentError)
  })
})
