import canonicalizeJson from 'canonicalize'

/**
 * JSON Canonicalization Scheme (RFC 8785).
 * @throws TypeError for what JSON cannot say (undefined, functions, NaN); such a value never comes from a parser of ours.
 */
export function canonicalize(value: unknown): string {
  const text = canonicalizeJson(value)
  if (text === undefined) throw new TypeError('the value has no JSON form')
  return text
}
