import { statusOf, type OAuthError } from './error.js'

/** An answer of an OAuth endpoint, before it meets HTTP. */
export interface OAuthAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readonly<Record<string, unknown>>
}

/** Never kept by anybody on the way (RFC 6749 §5.1). */
export const NO_STORE = { 'Cache-Control': 'no-store', Pragma: 'no-cache' } as const

export const okAnswer = (body: Readonly<Record<string, unknown>>): OAuthAnswer => ({
  status: 200,
  headers: NO_STORE,
  body,
})

/** RFC 6749 §5.2. */
export function errorAnswer(error: OAuthError): OAuthAnswer {
  const retry = error.retryAfter === undefined ? {} : { 'Retry-After': String(error.retryAfter) }
  return {
    status: error.status ?? statusOf(error.error),
    headers: { ...NO_STORE, ...retry },
    body: { error: error.error, error_description: error.description, ...error.members },
  }
}
