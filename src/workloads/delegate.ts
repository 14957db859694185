import type { Delegate } from '../grants/grant.js'
import type { Conditions } from './conditions.js'
import { compileConditions } from './conditions.js'
import type { Pattern } from './pattern.js'
import { compilePattern, literal, literalText } from './pattern.js'
import type { Workload } from './workload.js'

/**
 * Whether a grant for this delegate is for this workload: the same issuer, the subject and every claim match, and the anchor
 * is stated exactly, whatever the patterns allow (invariant 11). A delegate that cannot be read covers nobody.
 */
export function delegateCovers(delegate: Delegate, workload: Workload): boolean {
  if (delegate.issuer !== workload.issuer || statedAnchor(delegate, workload.anchor.claim) !== workload.anchor.value)
    return false
  const compiled = compile(delegate)
  return (
    compiled?.conditions.unmet(workload.claims) === undefined && compiled?.subject.matches(workload.subject) === true
  )
}

/** The anchor that the delegate states, where it states it exactly. For the anchor `sub`, an exact `subject` states it too. */
export function statedAnchor(delegate: Delegate, anchorClaim: string): string | undefined {
  const pattern = Object.hasOwn(delegate.claims, anchorClaim) ? delegate.claims[anchorClaim] : undefined
  if (pattern !== undefined) return literalText(pattern)
  return anchorClaim === 'sub' ? literalText(delegate.subject) : undefined
}

/** The delegate that is this workload and nobody else: what an assertion asks for when nobody wrote one. */
export const deriveDelegate = (workload: Workload): Delegate => ({
  issuer: workload.issuer,
  subject: literal(workload.subject),
  claims: Object.fromEntries(Object.entries(workload.delegateClaims).map(([claim, text]) => [claim, literal(text)])),
})

interface CompiledDelegate {
  readonly subject: Pattern
  readonly conditions: Conditions
}

const compiledDelegates = new WeakMap<Delegate, CompiledDelegate | 'unreadable'>()

function compile(delegate: Delegate): CompiledDelegate | undefined {
  const known = compiledDelegates.get(delegate)
  if (known !== undefined) return known === 'unreadable' ? undefined : known
  const subject = compilePattern(delegate.subject)
  const conditions = compileConditions(delegate.claims)
  const compiled = subject.ok && conditions.ok ? { subject: subject.value, conditions: conditions.value } : undefined
  compiledDelegates.set(delegate, compiled ?? 'unreadable')
  return compiled
}
