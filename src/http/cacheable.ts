import { sha256Base64url } from '../runtime/digest.js'
import type { HttpAnswer, RequestContext } from './answer.js'

/** What a route that answers so says of it. */
export const NOT_MODIFIED = { 304: { description: 'It has not changed' } } as const

/** A public document that may be kept for so long, and asked for again by its `ETag` (RFC 9110 §13.1.2, RFC 9111). */
export function cacheable(
  body: unknown,
  maxAge: number,
  context: Pick<RequestContext, 'header'>,
  mediaType = 'application/json',
): HttpAnswer {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const headers = { 'Content-Type': mediaType, 'Cache-Control': `public, max-age=${maxAge}` }
  return unlessKnown({ status: 200, headers, body: text }, sha256Base64url(text), context)
}

/** The answer with this tag; without its body where the caller has it already (RFC 9110 §13.1.2). */
export function unlessKnown(answer: HttpAnswer, tag: string, context: Pick<RequestContext, 'header'>): HttpAnswer {
  const etag = `"${tag}"`
  const headers = { ...answer.headers, ETag: etag }
  const known = context.header('if-none-match')
  if (known !== undefined && matches(known, etag)) return { status: 304, headers }
  return { ...answer, headers }
}

/** Weak comparison: `W/` does not count. */
const matches = (header: string, etag: string): boolean =>
  header.trim() === '*' || header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
