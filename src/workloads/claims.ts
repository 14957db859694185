/**
 * Reading claims of a verified token. Names come from the configuration and from grants, values from strangers: only own
 * properties are read, so `__proto__` and `constructor` find nothing that the token does not hold itself.
 */
export type Claims = Readonly<Record<string, unknown>>

/**
 * The value at a claim name, or, where the name starts with `/`, at a JSON Pointer (RFC 6901).
 * `undefined` for what is not there and for a pointer that is not well-formed.
 */
export function pick(claims: Claims, nameOrPointer: string): unknown {
  if (!nameOrPointer.startsWith('/')) return Object.hasOwn(claims, nameOrPointer) ? claims[nameOrPointer] : undefined
  let value: unknown = claims
  for (const token of nameOrPointer.slice(1).split('/')) {
    const member = unescapeToken(token)
    if (member === undefined) return undefined
    value = memberOf(value, member)
    if (value === undefined) return undefined
  }
  return value
}

/**
 * A claim as text, for patterns, segments and sealed ids: strings as they are, safe integers in decimal, booleans as `true`
 * and `false`. Everything else has no text: a fraction or an integer above 2^53 - 1 may already have lost digits.
 */
export function claimText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  return Number.isSafeInteger(value) ? String(value) : undefined
}

/** `claimText` of `pick`. */
export const pickText = (claims: Claims, nameOrPointer: string): string | undefined =>
  claimText(pick(claims, nameOrPointer))

const unescapeToken = (token: string): string | undefined => {
  if (!token.includes('~')) return token
  if (/~(?![01])/.test(token)) return undefined
  // `~1` first, then `~0` (RFC 6901 §4): `~01` is `~1`, not `/`.
  return token.replaceAll('~1', '/').replaceAll('~0', '~')
}

const ARRAY_INDEX = /^(?:0|[1-9]\d{0,9})$/

function memberOf(value: unknown, member: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  if (Array.isArray(value)) return ARRAY_INDEX.test(member) ? (value as readonly unknown[])[Number(member)] : undefined
  return Object.hasOwn(value, member) ? (value as Claims)[member] : undefined
}
