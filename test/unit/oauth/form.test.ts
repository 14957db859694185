import { describe, expect, test } from '@jest/globals'
import { readForm } from '../../../src/oauth/form.js'

const REPEATABLE = new Set(['audience', 'resource'])
const read = (text: string) => readForm(new URLSearchParams(text), REPEATABLE)

describe('RFC 6749 §3.2: parameters are not repeated, and without a value count as omitted', () => {
  test.each([
    ['absent', '', undefined],
    ['empty', 'scope=', undefined],
    ['named without a value', 'scope', undefined],
    ['given', 'scope=a', 'a'],
    ['of one blank', 'scope=+', ' '],
    ['under another case', 'Scope=a', undefined],
    ['named as a member of every object', '__proto__=x', undefined],
  ])('a parameter that is %s', (_, text, value) => {
    const form = read(text)
    if ('repeated' in form) throw new Error('refused')
    expect(form.form.get('scope')).toBe(value)
  })

  test.each([
    ['with two values', 'scope=a&scope=b', 'scope'],
    ['with the same value twice', 'scope=a&scope=a', 'scope'],
    ['with a value and without', 'scope=a&scope=', 'scope'],
    ['that nobody knows', 'x=1&x=2', 'x'],
    ['named toString', 'toString=1&toString=2', 'toString'],
    ['in two notations', 'scope=a&sc%6Fpe=b', 'scope'],
  ])('a parameter %s is refused', (_, text, repeated) => {
    expect(read(text)).toEqual({ repeated })
  })

  test('RFC 8693 §2.1: audience and resource may be repeated; empty values do not count', () => {
    const form = read('audience=a&audience=&audience=b&resource=c')
    if ('repeated' in form) throw new Error('refused')
    expect(form.form.all('audience')).toEqual(['a', 'b'])
    expect(form.form.all('resource')).toEqual(['c'])
    expect(form.form.all('constructor')).toEqual([])
  })
})
