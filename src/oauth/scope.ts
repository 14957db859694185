/** scope-token = 1*( %x21 / %x23-5B / %x5D-7E ) (RFC 6749 §3.3). */
const SCOPE_TOKEN = /^[\x21\x23-\x5B\x5D-\x7E]+$/

/** Space-separated scope tokens, sorted and without repeats; `undefined` when one is malformed or nothing is there. */
export function parseScope(text: string): readonly string[] | undefined {
  const tokens = text.split(' ').filter((token) => token !== '')
  if (tokens.length === 0 || !tokens.every((token) => SCOPE_TOKEN.test(token))) return undefined
  return [...new Set(tokens)].sort()
}

export const formatScope = (tokens: readonly string[]): string => tokens.join(' ')

/** The tokens of a scope that `parseScope` made. */
export const splitScope = (scope: string): readonly string[] => (scope === '' ? [] : scope.split(' '))
