import type { Result } from '../runtime/result.js'
import { ok, refuse } from '../runtime/result.js'

/**
 * Anchored globs (invariant 11): `*` is any characters, `/` and `:` included, also none; `\` quotes the next character;
 * everything else is itself. The whole text must match. Compared by UTF-16 code units, without normalization or case folding.
 */
export interface Pattern {
  readonly text: string
  matches(value: string): boolean
}

export type PatternRefusal =
  | { readonly reason: 'pattern_too_long' }
  /** A `\` at the end quotes nothing. */
  | { readonly reason: 'pattern_ends_in_quote' }

const MAX_LENGTH = 1024

/**
 * Compiles once. Matching takes each literal part at its first place from the left, which is always right for `*`, so there
 * is no backtracking: at most (length of the value) × (length of the longest part) steps.
 */
export function compilePattern(text: string): Result<Pattern, PatternRefusal> {
  if (text.length > MAX_LENGTH) return refuse({ reason: 'pattern_too_long' })
  const parts = splitAtStars(text)
  if (parts === undefined) return refuse({ reason: 'pattern_ends_in_quote' })
  return ok({ text, matches: matcher(parts) })
}

/** Quotes a text, so that the pattern matches it alone. */
export const literal = (text: string): string => text.replaceAll(/[\\*]/g, '\\$&')

/** Whether the pattern matches exactly one text. */
export const isLiteral = (text: string): boolean => splitAtStars(text)?.length === 1

/** The one text that a literal pattern matches; `undefined` for any other pattern. */
export const literalText = (text: string): string | undefined => {
  const parts = splitAtStars(text)
  return parts?.length === 1 ? parts[0] : undefined
}

/** The literal parts between the stars, quotes taken off: one more than there are stars. */
function splitAtStars(text: string): readonly string[] | undefined {
  const parts: string[] = []
  let part = ''
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at)
    if (char === '*') {
      parts.push(part)
      part = ''
    } else if (char === '\\') {
      at++
      if (at === text.length) return undefined
      part += text.charAt(at)
    } else part += char
  }
  parts.push(part)
  return parts
}

function matcher(parts: readonly string[]): (value: string) => boolean {
  const [first = '', ...rest] = parts
  const last = rest.pop()
  if (last === undefined) return (value) => value === first
  const middle = rest.filter((part) => part !== '')
  return (value) => {
    if (!value.startsWith(first) || !value.endsWith(last)) return false
    const end = value.length - last.length
    let at = first.length
    for (const part of middle) {
      const found = value.indexOf(part, at)
      if (found === -1) return false
      at = found + part.length
    }
    // What the parts before took, the last one cannot take again.
    return at <= end
  }
}
