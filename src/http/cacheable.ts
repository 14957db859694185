import { sha256Base64url } from '../runtime/digest.js'
import type { HttpAnswer, RequestContext } from './answer.js'

/** A public document that may be kept for so long, and asked for again by its `ETag` (RFC 9110 §13.1.2, RFC 9111). */
export function cacheable(body: unknown, maxAge: number, context: Pick<RequestContext, 'header'>): HttpAnswer {
  const text = JSON.stringify(body)
  const etag = `"${sha256Base64url(text)}"`
  const headers = { 'Content-Type': 'application/json', 'Cache-Control': `public, max-age=${maxAge}`, ETag: etag }
  const known = context.header('if-none-match')
  if (known !== undefined && matches(known, etag)) return { status: 304, headers }
  return { status: 200, headers, body: text }
}

/** Weak comparison: `W/` does not count. */
const matches = (header: string, etag: string): boolean =>
  header.trim() === '*' || header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
