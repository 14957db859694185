import { z } from 'zod'
import * as value from '../values.js'
import { signingAlgorithms } from './common.js'

export const allowRule = z
  .strictObject({
    issuer: value.workloadIssuer().describe('The `issuer` of an entry under `workloads`.'),
    subject: value.pattern().default('*').describe('What `sub` must match.'),
    claims: value
      .claimPatterns()
      .default({})
      .describe("What claims must match. The preset's anchor claim stands here exactly."),
  })
  .describe('Permits without a person, where the approval of the tier is `policy`.')

const allow = () =>
  z.array(allowRule).max(1000).default([]).describe('Who may without a person; for tiers with `approval: policy`.')

const tierOf = () => value.tierName('the name of a tier').describe('The name of a tier.')

const scopeGuard = z.union([
  tierOf(),
  z.strictObject({ tier: tierOf(), allow: allow() }).describe('A tier, and who may without a person.'),
])

const detailGuard = z
  .strictObject({
    tier: tierOf(),
    schema_file: value.file().describe('JSON Schema (draft 2020-12) of the whole object, `type` included.'),
    allow: allow(),
  })
  .describe('A type of RFC 9396.')

export const client = z
  .discriminatedUnion('auth', [
    z.strictObject({
      auth: z.literal('private_key_jwt').describe('RFC 7523 client assertions.'),
      id: value.clientId().describe('Its `client_id`.'),
      jwks_file: value.file().describe('Its public keys, as a JWK Set.'),
    }),
    z.strictObject({
      auth: z.literal('client_secret_basic').describe('A generated 256-bit secret.'),
      id: value.clientId().describe('Its `client_id`.'),
      secret_sha256: value.sha256().describe('SHA-256 of the secret, so that the secret is not here.'),
    }),
    z.strictObject({
      auth: z
        .literal('mtls')
        .describe(
          'Its certificate, at a listener with `mtls` (RFC 8705 §2). One of the three says which certificate it is.',
        ),
      id: value.clientId().describe('Its `client_id`.'),
      certificate_sha256: z
        .array(value.certificateSha256())
        .min(1)
        .max(10)
        .optional()
        .describe('Its certificates, whoever signed them. Two, for as long as one replaces the other.'),
      san_uri: value
        .text()
        .optional()
        .describe('A URI in its subject alternative name, like a SPIFFE id; signed by a CA of `client_ca_file`.'),
      san_dns: value
        .text()
        .optional()
        .describe('A DNS name in its subject alternative name; signed by a CA of `client_ca_file`.'),
    }),
  ])
  .describe('A resource server that may introspect and ask for decisions.')

export const resource = z
  .strictObject({
    audience: value.target().describe('What clients name, and the `aud` of what they get.'),
    scopes: z
      .record(value.scopeToken(), scopeGuard)
      .default({})
      .describe('Scope to its tier, or to `{ tier, allow }`.'),
    authorization_details: z
      .record(value.text('the type of RFC 9396'), detailGuard)
      .default({})
      .describe('Type of RFC 9396 to its tier and schema.'),
    credentials: z
      .array(z.enum(['jwt', 'x509']))
      .min(1)
      .default(['jwt'])
      .describe('What may be issued: JWTs, X.509 certificates, or both.'),
    signing_alg: z
      .enum(signingAlgorithms)
      .optional()
      .describe('For a resource server that needs another. Default: `keys.signing_alg`.'),
    certificate: z
      .strictObject({
        common_name: z.array(value.pattern()).default([]).describe('Common names that may be asked for.'),
        dns: z.array(value.pattern()).default([]).describe('DNS names that may be asked for.'),
      })
      .optional()
      .describe('Names that certificates may carry beside the SPIFFE id, where a grant states the very name.'),
    clients: z.array(client).default([]).describe('The resource servers behind this audience.'),
  })
  .describe('Where credentials are used.')
