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

/** A value that has been canonicalized before: `canonicalizeMembers` puts its text in as it stands. */
export class Canonical {
  constructor(readonly text: string) {}
}

/** The JCS of an object, some of whose members are canonical already. */
export function canonicalizeMembers(object: Readonly<Record<string, unknown>>): string {
  const members = Object.keys(object)
    .sort()
    .map((name) => {
      const value = object[name]
      return `${JSON.stringify(name)}:${value instanceof Canonical ? value.text : canonicalize(value)}`
    })
  return `{${members.join(',')}}`
}
