import { z } from 'zod'
import type { KeyRing } from '../../issuance/key-ring.js'
import { JWKS_MAX_AGE } from '../../issuance/ring.js'
import { cacheable, NOT_MODIFIED } from '../cacheable.js'
import { getRoute, type Route } from '../route.js'

const jwkSchema = z.object({
  kid: z.string(),
  kty: z.enum(['EC', 'RSA', 'OKP']),
  alg: z.enum(['ES256', 'RS256', 'PS256', 'EdDSA']),
  use: z.literal('sig'),
  crv: z.string().optional(),
  x: z.string().optional(),
  y: z.string().optional(),
  n: z.string().optional(),
  e: z.string().optional(),
})

/** `GET /jwks`: the public keys (RFC 7517 §5), for no longer than a new one is published before it signs. */
export const jwksRoute = (ring: Pick<KeyRing, 'jwks'>): Route =>
  getRoute({
    path: '/jwks',
    isFrequent: true,
    operationId: 'getJwks',
    summary: 'The public keys of what this broker signs (RFC 7517)',
    tag: 'metadata',
    query: z.looseObject({}),
    responses: { 200: { description: 'The key set', schema: z.object({ keys: z.array(jwkSchema) }) }, ...NOT_MODIFIED },
    handle: (_request, context) => cacheable(ring.jwks(), JWKS_MAX_AGE, context),
  })
