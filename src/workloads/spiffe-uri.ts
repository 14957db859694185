/** A SPIFFE ID, taken apart (SPIFFE-ID §2). */
export interface ParsedSpiffeId {
  readonly trustDomain: string
  /** With its leading slash; empty for the id of a trust domain itself. */
  readonly path: string
}

const SPIFFE_ID = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[A-Za-z0-9._-]+)*)$/
const MAX_LENGTH = 2048

/**
 * `undefined` for any other text: upper case in the trust domain, a port, a query, `%`, empty segments, `.` and `..`, a slash
 * at the end. One workload has one id, so nothing is normalized (SPIFFE-ID §2.1, §2.2).
 */
export function parseSpiffeId(text: string): ParsedSpiffeId | undefined {
  if (text.length > MAX_LENGTH) return undefined
  const [, trustDomain, path] = SPIFFE_ID.exec(text) ?? []
  if (trustDomain === undefined || path === undefined) return undefined
  return path.split('/').some((segment) => segment === '.' || segment === '..') ? undefined : { trustDomain, path }
}
