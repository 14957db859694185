import { describe, expect, test } from '@jest/globals'
import { authorizationServerMetadata, openidConfiguration } from '../../../src/oauth/metadata.js'

const facts = {
  issuer: 'https://e.example.com/x',
  signingAlgs: ['ES256'],
  clientAlgs: ['ES256'],
  detailTypes: ['query'],
  dpopAlgs: ['ES256', 'EdDSA'],
  mutualTls: false,
  mutualTlsBase: undefined,
  certificateClients: false,
}

describe('RFC 8414: metadata', () => {
  test('every endpoint is below the issuer as configured', () => {
    expect(authorizationServerMetadata(facts)).toMatchObject({
      issuer: 'https://e.example.com/x',
      token_endpoint: 'https://e.example.com/x/token',
      introspection_endpoint: 'https://e.example.com/x/introspect',
      revocation_endpoint: 'https://e.example.com/x/revoke',
      jwks_uri: 'https://e.example.com/x/jwks',
      authorization_endpoint: 'https://e.example.com/x/authorize',
    })
  })

  test('the three grant types, deferral and its cancellation are announced', () => {
    expect(authorizationServerMetadata(facts)).toMatchObject({
      grant_types_supported: [
        'urn:ietf:params:oauth:grant-type:token-exchange',
        'client_credentials',
        'urn:ietf:params:oauth:grant-type:deferred',
      ],
      deferred_token_response_supported: true,
      revocation_endpoint_token_type_values_supported: expect.arrayContaining([
        'urn:ietf:params:oauth:token-type:deferral-code',
      ]),
    })
  })

  test('RFC 9449 §5.1: the algorithms of DPoP proofs', () => {
    expect(authorizationServerMetadata(facts)).toHaveProperty('dpop_signing_alg_values_supported', ['ES256', 'EdDSA'])
  })

  test('RFC 8705 §3.3: without a listener for certificates, nothing is bound to one', () => {
    const metadata = authorizationServerMetadata(facts)
    expect(metadata).toHaveProperty('tls_client_certificate_bound_access_tokens', false)
    expect(metadata).not.toHaveProperty('mtls_endpoint_aliases')
  })

  test('RFC 8705 §5: the endpoints for clients with certificates, and how resource servers prove themselves there', () => {
    const base = 'https://mtls.e.example.com/x'
    expect(authorizationServerMetadata({ ...facts, mutualTls: true, mutualTlsBase: base })).toMatchObject({
      tls_client_certificate_bound_access_tokens: true,
      mtls_endpoint_aliases: {
        token_endpoint: `${base}/token`,
        introspection_endpoint: `${base}/introspect`,
        revocation_endpoint: `${base}/revoke`,
      },
      introspection_endpoint_auth_methods_supported: expect.arrayContaining(['tls_client_auth']),
    })
  })

  test('RFC 8705 §2.1: where an X.509-SVID is a client, mutual TLS is one of the ways to authenticate', () => {
    const METHODS = 'token_endpoint_auth_methods_supported'
    const taken = authorizationServerMetadata({ ...facts, mutualTls: true, certificateClients: true })
    expect(taken).toHaveProperty(METHODS, ['none', 'private_key_jwt', 'tls_client_auth'])
    expect(authorizationServerMetadata({ ...facts, mutualTls: true })).toHaveProperty(METHODS, [
      'none',
      'private_key_jwt',
    ])
    expect(authorizationServerMetadata({ ...facts, certificateClients: true })).toHaveProperty(METHODS, [
      'none',
      'private_key_jwt',
    ])
  })

  test('RFC 9396 §10: types of authorization_details, when there are any', () => {
    expect(authorizationServerMetadata(facts)).toHaveProperty('authorization_details_types_supported', ['query'])
    expect(authorizationServerMetadata({ ...facts, detailTypes: [] })).not.toHaveProperty(
      'authorization_details_types_supported',
    )
  })

  test('what clouds read to federate names the same issuer, keys and algorithms', () => {
    expect(openidConfiguration(facts)).toMatchObject({
      issuer: facts.issuer,
      jwks_uri: `${facts.issuer}/jwks`,
      id_token_signing_alg_values_supported: ['ES256'],
    })
  })
})
