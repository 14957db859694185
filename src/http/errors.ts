import { z } from 'zod'
import { errorAnswer } from '../oauth/token-response.js'
import type { OAuthError, OAuthErrorCode } from '../oauth/error.js'
import { Fault } from '../runtime/fault.js'
import type { HttpAnswer } from './answer.js'

/*
 * The one place where an error gets its body: JSON of RFC 6749 §5.2 at OAuth endpoints, `application/problem+json`
 * (RFC 9457) everywhere else.
 */

/** How the errors of an endpoint look. */
export type ErrorStyle = 'oauth' | 'problem'

export interface Problem {
  readonly status: number
  /** Stable; callers branch on it. Becomes the `type`, `urn:errand:problem:<code>`. */
  readonly code: string
  /** A fixed sentence for the caller. Never a reason from inside. */
  readonly title: string
  readonly detail?: string
  /** Further members of the body. */
  readonly members?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  /** Seconds, for `Retry-After`. */
  readonly retryAfter?: number
}

export const problemSchema = z.looseObject({
  type: z.string().startsWith('urn:errand:problem:').describe('Stable: branch on it.'),
  title: z.string(),
  status: z.int().min(400).max(599),
  detail: z.string().optional(),
})

export const oauthErrorSchema = z.looseObject({
  error: z.string().regex(/^[a-z_]+$/),
  error_description: z.string().optional(),
})

const PROBLEM_TYPE = 'urn:errand:problem:'

/** RFC 9457. */
export function problemAnswer({ status, code, title, detail, members, headers, retryAfter }: Problem): HttpAnswer {
  return {
    status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
      ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
      ...headers,
    },
    body: { type: `${PROBLEM_TYPE}${code}`, title, status, ...(detail !== undefined && { detail }), ...members },
  }
}

/** RFC 6749 §5.2. */
export const oauthErrorAnswer = (error: OAuthError): HttpAnswer => errorAnswer(error)

/** What the edge refuses before any endpoint sees the request. */
export type HttpRefusal =
  | { readonly reason: 'not_found' }
  | { readonly reason: 'method_not_allowed'; readonly allow: readonly string[] }
  | { readonly reason: 'body_too_large'; readonly limit: number }
  | { readonly reason: 'body_too_slow' }
  | { readonly reason: 'headers_too_large' }
  | { readonly reason: 'media_type_not_accepted'; readonly expected: string }
  | { readonly reason: 'not_utf8' }
  | { readonly reason: 'malformed_json'; readonly detail: string }
  | { readonly reason: 'malformed_request'; readonly detail: string }
  | { readonly reason: 'misplaced_token' }
  | { readonly reason: 'client_certificate_not_accepted' }
  | {
      readonly reason: 'invalid_members'
      readonly errors: readonly { readonly at: string; readonly message: string }[]
    }
  | { readonly reason: 'too_fast'; readonly retryAfter: number }

interface WireRefusal {
  readonly status: number
  readonly title: string
  readonly detail?: string
  readonly members?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  readonly retryAfter?: number
}

function wireOf(refusal: HttpRefusal): WireRefusal {
  switch (refusal.reason) {
    case 'not_found':
      return { status: 404, title: 'there is nothing here' }
    case 'method_not_allowed':
      return { status: 405, title: 'this method is not served here', headers: { Allow: refusal.allow.join(', ') } }
    case 'body_too_large':
      return { status: 413, title: `the body is longer than ${refusal.limit} bytes`, headers: CLOSE }
    case 'body_too_slow':
      return { status: 408, title: 'the request took too long to arrive', headers: CLOSE }
    case 'headers_too_large':
      return { status: 431, title: 'the headers are too large', headers: CLOSE }
    case 'media_type_not_accepted':
      return { status: 415, title: `the content type must be ${refusal.expected}` }
    case 'not_utf8':
      return { status: 400, title: 'the body is not UTF-8' }
    case 'malformed_json':
      return { status: 400, title: 'the body cannot be read as JSON', detail: refusal.detail }
    case 'malformed_request':
      return { status: 400, title: 'the request is malformed', detail: refusal.detail }
    case 'misplaced_token':
      return { status: 400, title: 'a token stands where none belongs: send it as it is meant to be sent' }
    case 'client_certificate_not_accepted':
      return { status: 400, title: 'the client certificate is not accepted here: its chain, its dates or its purpose' }
    case 'invalid_members':
      return { status: 400, title: 'the request is not valid', members: { errors: refusal.errors } }
    case 'too_fast':
      return { status: 429, title: 'too many requests', retryAfter: refusal.retryAfter }
  }
}

/** The rest of a refused body is not read: the connection ends with the answer. */
const CLOSE = { Connection: 'close' } as const

export function refusalAnswer(refusal: HttpRefusal, style: ErrorStyle): HttpAnswer {
  const wire = wireOf(refusal)
  if (style === 'problem') return problemAnswer({ ...wire, code: refusal.reason })
  const answer = oauthErrorAnswer({
    error: refusal.reason === 'too_fast' ? 'temporarily_unavailable' : 'invalid_request',
    description: wire.detail === undefined ? wire.title : `${wire.title}: ${wire.detail}`,
    // RFC 6749 §5.2 knows 400 for a request of a wrong form; the others say what it cannot.
    status: wire.status === 415 ? 400 : wire.status,
    ...(wire.retryAfter !== undefined && { retryAfter: wire.retryAfter }),
  })
  return { ...answer, headers: { ...answer.headers, ...wire.headers } }
}

const RETRY_AFTER_FAULT = 5

/** Something is broken: the caller learns whether to try again, and a request id by which we find the rest in the log. */
export function faultAnswer(error: unknown, style: ErrorStyle, requestId: string): HttpAnswer {
  const passing = error instanceof Fault && error.code !== 'record_tampered'
  const code: OAuthErrorCode = passing ? 'temporarily_unavailable' : 'server_error'
  const title = passing
    ? 'not available at the moment: nothing was issued or changed as far as we know'
    : 'something is broken here'
  const retry = passing ? { retryAfter: RETRY_AFTER_FAULT } : {}
  if (style === 'oauth')
    return oauthErrorAnswer({ error: code, description: title, members: { request_id: requestId }, ...retry })
  return problemAnswer({ status: passing ? 503 : 500, code, title, members: { request_id: requestId }, ...retry })
}
