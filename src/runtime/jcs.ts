import canonicalizeJson from 'canonicalize'

/**
 * JSON Canonicalization Scheme (RFC 8785).
 * @throws TypeError for what JSON cannot say (undefined, functions, NaN); such a value never comes from a parser of ours.
 */
export function canonicalize(value: unknown): string {
  const text = canonicalizePlain(value) ?? canonicalizeJson(value)
  if (text === undefined) throw new TypeError('the value has no JSON form')
  return text
}

/**
 * `JSON.stringify` writes strings and numbers as RFC 8785 §3.2.2 has them, and members in the order in which they were
 * made: with members sorted it writes JCS, several times faster. `undefined` for what it would write otherwise: the
 * library's to do.
 */
function canonicalizePlain(value: unknown): string | undefined {
  const sorted = withSortedMembers(value)
  if (sorted === undefined) return undefined
  const text = JSON.stringify(sorted)
  // Half of a surrogate pair comes out as an escape, where JCS has no form for it.
  return text.includes('\\ud') ? undefined : text
}

/** Names that an object keeps in an order of its own, or as something else than a member. */
const UNORDERED = /^\d|^__proto__$/

/** An equal value whose members stand in JCS's order, all the way down. */
function withSortedMembers(value: unknown): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (typeof value !== 'object' || 'toJSON' in value) return undefined
  return Array.isArray(value) ? sortedArray(value) : sortedObject(value as Readonly<Record<string, unknown>>)
}

function sortedArray(values: readonly unknown[]): readonly unknown[] | undefined {
  const sorted = values.map(withSortedMembers)
  return sorted.includes(undefined) ? undefined : sorted
}

function sortedObject(object: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  const sorted: Record<string, unknown> = {}
  for (const name of Object.keys(object).sort()) {
    if (UNORDERED.test(name)) return undefined
    if (object[name] === undefined) continue
    const member = withSortedMembers(object[name])
    if (member === undefined) return undefined
    sorted[name] = member
  }
  return sorted
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
