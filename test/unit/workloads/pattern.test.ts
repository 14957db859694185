import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compilePattern, isLiteral, literal, literalText } from '../../../src/workloads/pattern.js'

const matches = (pattern: string, value: string): boolean => {
  const compiled = compilePattern(pattern)
  return compiled.ok && compiled.value.matches(value)
}

/** By the definition, without a thought for speed. */
function oracle(pattern: string, value: string): boolean {
  if (pattern === '') return value === ''
  if (pattern.startsWith('*'))
    return oracle(pattern.slice(1), value) || (value !== '' && oracle(pattern, value.slice(1)))
  const quoted = pattern.startsWith('\\')
  const char = quoted ? pattern.charAt(1) : pattern.charAt(0)
  return char !== '' && value.startsWith(char) && oracle(pattern.slice(quoted ? 2 : 1), value.slice(1))
}

describe('patterns are anchored globs (invariant 11)', () => {
  test.each([
    ['repo:acme/shop:*', 'repo:acme/shop:ref:refs/heads/main', true],
    ['repo:acme/shop:*', 'repo:acme/shop:', true],
    ['repo:acme/shop:*', 'xrepo:acme/shop:ref', false],
    ['*:environment:production', 'repo:acme/shop:environment:production', true],
    ['*:environment:production', 'repo:acme/shop:environment:production-2', false],
    ['a*b*c', 'a/x:b\nyc', true],
    ['a*b*c', 'acb', false],
    ['ab*ba', 'aba', false],
    ['a*b*b', 'ab', false],
    ['a*b*b', 'abb', true],
    ['*aa*', 'aa', true],
    ['*', '', true],
    ['**', 'x', true],
    ['', '', true],
    ['', 'x', false],
    ['a.c', 'abc', false],
    [String.raw`\*`, '*', true],
    [String.raw`\*`, 'x', false],
    [String.raw`a\\b`, String.raw`a\b`, true],
    [String.raw`\a`, 'a', true],
    ['[ab]', 'a', false],
    ['A', 'a', false],
  ])('%j on %j is %j', (pattern, value, expected) => {
    expect(matches(pattern, value)).toBe(expected)
  })

  test('a quote at the end quotes nothing: no pattern', () => {
    expect(compilePattern('a\\')).toEqual({ ok: false, refusal: { reason: 'pattern_ends_in_quote' } })
    expect(compilePattern('\\\\').ok).toBe(true)
  })

  test('a pattern that nobody would write is no pattern', () => {
    expect(compilePattern('*'.repeat(3000))).toEqual({ ok: false, refusal: { reason: 'pattern_too_long' } })
  })

  const glyph = fc.constantFrom('a', 'b', '*', '\\', '/', ':', '.')
  const text = fc.string({ unit: glyph, maxLength: 10 })

  /** A value that the pattern might well match: each star replaced, and then perhaps a character lost. */
  const pair = fc
    .tuple(text, fc.array(text, { minLength: 10, maxLength: 10 }), fc.nat(60))
    .map(([pattern, fillings, at]) => {
      const filled = pattern.replaceAll(/\\(.?)|\*/g, (found: string, quoted: string) =>
        found === '*' ? (fillings.pop()?.slice(0, 3) ?? '') : quoted,
      )
      return [pattern, filled.slice(0, at) + filled.slice(at + 1)] as const
    })

  test.each([
    ['any value', fc.tuple(text, text)],
    ['a value that nearly matches', pair],
  ])('every pattern matches what the definition says, on %s', (_name, pairs) => {
    fc.assert(
      fc.property(pairs, ([pattern, value]) => {
        fc.pre(compilePattern(pattern).ok)
        expect(matches(pattern, value)).toBe(oracle(pattern, value))
      }),
      { numRuns: 5000 },
    )
  })

  test('a literal matches its text and nothing else', () => {
    fc.assert(
      fc.property(text, text, (value, other) => {
        expect(matches(literal(value), value)).toBe(true)
        expect(matches(literal(value), other)).toBe(value === other)
        expect(literalText(literal(value))).toBe(value)
      }),
    )
    expect(isLiteral('a*')).toBe(false)
    expect(isLiteral(String.raw`a\*`)).toBe(true)
    expect(isLiteral('a\\')).toBe(false)
  })

  test('a hostile pair takes no more steps than pattern times value', () => {
    const pattern = `${'a*'.repeat(500)}b`
    const value = 'a'.repeat(16_384)
    const compiled = compilePattern(pattern)
    const started = process.cpuUsage()
    for (let round = 0; round < 100; round++) expect(compiled.ok && compiled.value.matches(value)).toBe(false)
    // A matcher that backtracks does not come back from the first round; this one needs milliseconds for a hundred.
    expect(process.cpuUsage(started).user).toBeLessThan(20_000_000)
  })

  test('old and immutable GitHub subjects do not match one another’s patterns', () => {
    const old = 'repo:octo-org/octo-repo:ref:refs/heads/main'
    const immutable = 'repo:octo-org@123456/octo-repo@456789:ref:refs/heads/main'
    expect(matches('repo:octo-org/octo-repo:*', immutable)).toBe(false)
    expect(matches('repo:octo-org@123456/octo-repo@456789:*', old)).toBe(false)
    expect(matches('repo:octo-org@123456/octo-repo@456789:*', immutable)).toBe(true)
  })
})
