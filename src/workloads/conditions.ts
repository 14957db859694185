import type { Result } from '../runtime/result.js'
import { ok } from '../runtime/result.js'
import type { Claims } from './claims.js'
import { pickText } from './claims.js'
import type { Pattern, PatternRefusal } from './pattern.js'
import { compilePattern } from './pattern.js'

/** What claims must look like: `require` of a source, `claims` of a delegate and of an `allow` rule. */
export interface Conditions {
  /** The first condition that does not hold; `undefined` when all do. A claim that has no text never matches, `*` included. */
  unmet(claims: Claims): { readonly claim: string; readonly missing: boolean } | undefined
}

/** Claim name or JSON Pointer to pattern; all must match. */
export function compileConditions(patterns: Readonly<Record<string, string>>): Result<Conditions, PatternRefusal> {
  const compiled: [claim: string, pattern: Pattern][] = []
  for (const [claim, text] of Object.entries(patterns)) {
    const pattern = compilePattern(text)
    if (!pattern.ok) return pattern
    compiled.push([claim, pattern.value])
  }
  const unmet = (claims: Claims): { claim: string; missing: boolean } | undefined => {
    for (const [claim, pattern] of compiled) {
      const text = pickText(claims, claim)
      if (text === undefined || !pattern.matches(text)) return { claim, missing: text === undefined }
    }
    return undefined
  }
  return ok({ unmet })
}
