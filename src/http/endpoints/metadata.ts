import { z } from 'zod'
import { authorizationServerMetadata, openidConfiguration, type MetadataFacts } from '../../oauth/metadata.js'
import { cacheable, NOT_MODIFIED } from '../cacheable.js'
import { getRoute, type Route } from '../route.js'

/** Changes with the configuration only, that is with a restart. */
const MAX_AGE = 300

const url = z.url()
const texts = z.array(z.string())

const metadataSchema = z.object({
  issuer: url,
  authorization_endpoint: url,
  token_endpoint: url,
  jwks_uri: url,
  introspection_endpoint: url,
  revocation_endpoint: url,
  response_types_supported: texts,
  grant_types_supported: texts,
  token_endpoint_auth_methods_supported: texts,
  token_endpoint_auth_signing_alg_values_supported: texts,
  introspection_endpoint_auth_methods_supported: texts,
  introspection_endpoint_auth_signing_alg_values_supported: texts,
  revocation_endpoint_auth_methods_supported: texts,
  revocation_endpoint_auth_signing_alg_values_supported: texts,
  deferred_token_response_supported: z.boolean(),
  revocation_endpoint_token_type_values_supported: texts,
  authorization_details_types_supported: texts.optional(),
  dpop_signing_alg_values_supported: texts,
  tls_client_certificate_bound_access_tokens: z.boolean(),
  mtls_endpoint_aliases: z
    .object({ token_endpoint: url, introspection_endpoint: url, revocation_endpoint: url })
    .optional(),
})

const openidSchema = z.object({
  issuer: url,
  authorization_endpoint: url,
  token_endpoint: url,
  jwks_uri: url,
  response_types_supported: texts,
  subject_types_supported: texts,
  id_token_signing_alg_values_supported: texts,
  claims_supported: texts,
})

/**
 * `GET /.well-known/oauth-authorization-server` (RFC 8414) and `/.well-known/openid-configuration` (OIDC Discovery §4).
 */
export function metadataRoutes(facts: MetadataFacts): readonly Route[] {
  const metadata = authorizationServerMetadata(facts)
  const openid = openidConfiguration(facts)
  const common = { place: 'well-known', isFrequent: true, tag: 'metadata', query: z.looseObject({}) } as const
  return [
    getRoute({
      ...common,
      path: '/.well-known/oauth-authorization-server',
      operationId: 'getAuthorizationServerMetadata',
      summary: 'Authorization server metadata (RFC 8414)',
      responses: { 200: { description: 'The metadata', schema: metadataSchema }, ...NOT_MODIFIED },
      handle: (_request, context) => cacheable(metadata, MAX_AGE, context),
    }),
    getRoute({
      ...common,
      path: '/.well-known/openid-configuration',
      operationId: 'getOpenidConfiguration',
      summary: 'What clouds read to federate (OpenID Connect Discovery 1.0)',
      responses: { 200: { description: 'The metadata', schema: openidSchema }, ...NOT_MODIFIED },
      handle: (_request, context) => cacheable(openid, MAX_AGE, context),
    }),
  ]
}
