/** The error codes of every endpoint that answers as RFC 6749 §5.2 does, each with the text that defines it. */
export type OAuthErrorCode =
  | 'invalid_request' // RFC 6749 §5.2
  | 'invalid_client' // RFC 6749 §5.2
  | 'invalid_grant' // RFC 6749 §5.2
  | 'unauthorized_client' // RFC 6749 §5.2
  | 'unsupported_grant_type' // RFC 6749 §5.2
  | 'invalid_scope' // RFC 6749 §5.2
  | 'invalid_target' // RFC 8707 §2, RFC 8693 §2.2.2
  | 'invalid_authorization_details' // RFC 9396 §5
  | 'invalid_dpop_proof' // RFC 9449 §5
  | 'use_dpop_nonce' // RFC 9449 §8
  | 'authorization_pending' // Deferred Token Response; RFC 8628 §3.5
  | 'slow_down' // RFC 8628 §3.5
  | 'expired_token' // RFC 8628 §3.5
  | 'access_denied' // RFC 8628 §3.5
  | 'unsupported_token_type' // RFC 7009 §2.2.1
  | 'unsupported_response_type' // RFC 6749 §4.1.2.1
  | 'temporarily_unavailable' // RFC 6749 §4.1.2.1, here with 503
  | 'server_error' // RFC 6749 §4.1.2.1, here with 500

/** What the caller is told: a code, a fixed sentence, and the members that the code brings along. Never a reason from inside. */
export interface OAuthError {
  readonly error: OAuthErrorCode
  readonly description: string
  /** Further members of the JSON body. */
  readonly members?: Readonly<Record<string, unknown>>
  /** Seconds, for `Retry-After`. */
  readonly retryAfter?: number
  /** Where it is not the code's own: 429 for a rate limit. */
  readonly status?: number
}

const STATUS: Partial<Record<OAuthErrorCode, number>> = {
  invalid_client: 401,
  temporarily_unavailable: 503,
  server_error: 500,
}

/** 400 for all but client authentication (401), an outage (503) and a fault (500). */
export const statusOf = (code: OAuthErrorCode): number => STATUS[code] ?? 400
