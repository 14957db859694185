/**
 * oauth/ holds the protocol's words: URNs, error codes, the request parsers, the response renderers and the metadata.
 * It imports nothing of ours, so that every other folder can speak these words without learning anything else.
 */
export const GRANT_TYPE = {
  /** RFC 8693 §2.1 */
  tokenExchange: 'urn:ietf:params:oauth:grant-type:token-exchange',
  /** RFC 6749 §4.4, with RFC 7523 §2.2 client authentication */
  clientCredentials: 'client_credentials',
  /** Deferred Token Response, "The Deferred Authorization Grant" */
  deferred: 'urn:ietf:params:oauth:grant-type:deferred',
} as const

export const TOKEN_TYPE = {
  /** RFC 8693 §3 */
  accessToken: 'urn:ietf:params:oauth:token-type:access_token',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
  idToken: 'urn:ietf:params:oauth:token-type:id_token',
  /** Deferred Token Response, "Cancellation" */
  deferralCode: 'urn:ietf:params:oauth:token-type:deferral-code',
  x509Certificate: 'urn:errand:token-type:x509-certificate',
  ticket: 'urn:errand:token-type:ticket',
} as const

/** RFC 7523 §2.2 */
export const CLIENT_ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** An assertion, a ticket or a credential above this is refused unread (contract §1). Bytes. */
export const MAX_TOKEN_BYTES = 16 * 1024
