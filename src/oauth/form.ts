/**
 * Reads an OAuth form once. Parameters without a value count as omitted, and none may be repeated (RFC 6749 §3.2),
 * except those that the caller names (RFC 8693 §2.1: `audience`, `resource`).
 */
export interface Form {
  /** The one value, or `undefined` when absent or empty. */
  get(name: string): string | undefined
  /** All non-empty values of a parameter that may be repeated. */
  all(name: string): readonly string[]
}

export function readForm(
  parameters: URLSearchParams,
  repeatable: ReadonlySet<string>,
): { readonly form: Form } | { readonly repeated: string } {
  const values = new Map<string, string[]>()
  for (const [name, value] of parameters) {
    const earlier = values.get(name)
    if (earlier === undefined) values.set(name, [value])
    else if (repeatable.has(name)) earlier.push(value)
    else return { repeated: name }
  }
  const all = (name: string): readonly string[] => (values.get(name) ?? []).filter((value) => value !== '')
  return { form: { get: (name) => all(name)[0], all } }
}
