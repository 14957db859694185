/**
 * What terms may hold (contract §1, "Digest"): strings, safe integers, booleans, arrays and objects. Anything else is
 * refused before it becomes a term: null and fractions read differently in different places, half of a surrogate pair
 * has no UTF-8 and so no digest.
 */
export function isTermValue(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
      return !LONE_SURROGATE.test(value)
    case 'number':
      return Number.isSafeInteger(value)
    case 'boolean':
      return true
    case 'object':
      if (value === null) return false
      return Object.entries(value).every(([name, member]) => isTermName(name) && isTermValue(member))
    default:
      return false
  }
}

/** `__proto__` is dropped without a word by half of all readers. */
const isTermName = (name: string): boolean => name !== '__proto__' && !LONE_SURROGATE.test(name)

const LONE_SURROGATE = /\p{Cs}/u
