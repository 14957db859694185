import { GRANT_TYPE, TOKEN_TYPE } from './urns.js'

/** What the metadata says that depends on the configuration. */
export interface MetadataFacts {
  /** Without trailing slash. */
  readonly issuer: string
  /** With which our tokens are signed. */
  readonly signingAlgs: readonly string[]
  /** With which client assertions may be signed. */
  readonly clientAlgs: readonly string[]
  /** RFC 9396 §10. */
  readonly detailTypes: readonly string[]
  /** With which DPoP proofs may be signed. */
  readonly dpopAlgs: readonly string[]
  /** Somewhere clients can show certificates. */
  readonly mutualTls: boolean
  /** What authenticates a client without an assertion there: some workloads have X.509-SVIDs. */
  readonly certificateClients: boolean
  /** The base of the endpoints there, like the issuer, where it is known. */
  readonly mutualTlsBase: string | undefined
}

/** Authorization server metadata (RFC 8414 §2). */
export function authorizationServerMetadata({
  issuer,
  clientAlgs,
  detailTypes,
  dpopAlgs,
  mutualTls,
  certificateClients,
  mutualTlsBase,
}: MetadataFacts): Readonly<Record<string, unknown>> {
  return {
    issuer,
    // It only refuses; some clients insist on one (contract §1).
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    introspection_endpoint: `${issuer}/introspect`,
    revocation_endpoint: `${issuer}/revoke`,
    // Required by §2, and there are none: an empty list says so (docs/divergences.md, §3.2).
    response_types_supported: [],
    grant_types_supported: [GRANT_TYPE.tokenExchange, GRANT_TYPE.clientCredentials, GRANT_TYPE.deferred],
    // A workload's assertion is its subject_token, with no client authentication on top; or its client_assertion.
    token_endpoint_auth_methods_supported: [
      'none',
      'private_key_jwt',
      ...(mutualTls && certificateClients ? ['tls_client_auth'] : []),
    ],
    token_endpoint_auth_signing_alg_values_supported: clientAlgs,
    introspection_endpoint_auth_methods_supported: [
      'private_key_jwt',
      'client_secret_basic',
      // RFC 8705 §2.1.1 and §2.2.1
      ...(mutualTls ? ['tls_client_auth', 'self_signed_tls_client_auth'] : []),
    ],
    introspection_endpoint_auth_signing_alg_values_supported: clientAlgs,
    revocation_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
    revocation_endpoint_auth_signing_alg_values_supported: clientAlgs,
    // Deferred Token Response, "Authorization Server Metadata" and "Cancellation".
    deferred_token_response_supported: true,
    revocation_endpoint_token_type_values_supported: [TOKEN_TYPE.accessToken, TOKEN_TYPE.deferralCode],
    // RFC 9449 §5.1
    dpop_signing_alg_values_supported: dpopAlgs,
    // RFC 8705 §3.3 and §5
    tls_client_certificate_bound_access_tokens: mutualTls,
    ...(mutualTlsBase !== undefined && {
      mtls_endpoint_aliases: {
        token_endpoint: `${mutualTlsBase}/token`,
        introspection_endpoint: `${mutualTlsBase}/introspect`,
        revocation_endpoint: `${mutualTlsBase}/revoke`,
      },
    }),
    ...(detailTypes.length > 0 && { authorization_details_types_supported: detailTypes }),
  }
}

/** The subset of OpenID Connect Discovery 1.0 §3 that clouds read to federate: whose keys, and how they sign. */
export function openidConfiguration({ issuer, signingAlgs }: MetadataFacts): Readonly<Record<string, unknown>> {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: signingAlgs,
    claims_supported: ['iss', 'sub', 'aud', 'exp', 'iat', 'nbf', 'jti', 'client_id', 'scope', 'grant_id', 'task_id'],
  }
}
