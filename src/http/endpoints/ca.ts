import { X509Certificate } from 'node:crypto'
import { z } from 'zod'
import type { AuthorityRing } from '../../issuance/authority-ring.js'
import { authorityIdOf } from '../../issuance/make-authority.js'
import { CRL_LIFETIME } from '../../revocation/list-in-force.js'
import { toPem } from '../../x509/pem.js'
import { cacheable, NOT_MODIFIED, unlessKnown } from '../cacheable.js'
import { refusalAnswer } from '../errors.js'
import { getRoute, type Route, type Service } from '../route.js'

/** What verifiers fetch: public and signed, so it is served over plain http, too (RFC 5280 §8, RFC 6960 §A.1). */
export const PKI_SERVICES: readonly Service[] = ['api', 'mtls', 'pki']

/** Seconds. A new authority is published much longer before it signs. */
const MAX_AGE = 60
/**
 * How often those who trust our trust domain should look: as often as
 * a CRL runs out (SPIFFE Trust Domain and Bundle §4.1.2).
 */
const REFRESH_HINT = CRL_LIFETIME / 2

type Authorities = Pick<AuthorityRing, 'certificates' | 'anchors' | 'version'>

const common = {
  place: 'anywhere',
  services: PKI_SERVICES,
  isFrequent: true,
  tag: 'pki',
  query: z.looseObject({}),
} as const

/**
 * `GET /ca`: every authority that a path may go through. `GET /ca/{id}`:
 * one of them, as `caIssuers` names it (RFC 5280 §4.2.2.1).
 */
export const caRoutes = (authorities: Authorities): readonly Route[] => [
  getRoute({
    ...common,
    path: '/ca',
    operationId: 'getAuthorities',
    summary: 'The certificates of the authorities, the one that signs first, each followed by what is above it',
    responses: { 200: { description: 'PEM', mediaType: 'application/pem-certificate-chain' }, ...NOT_MODIFIED },
    handle: (_request, context) => {
      const pem = authorities.certificates().map((der) => toPem('CERTIFICATE', der))
      return cacheable(pem.join(''), MAX_AGE, context, 'application/pem-certificate-chain')
    },
  }),
  getRoute({
    ...common,
    path: '/ca/{id}',
    operationId: 'getAuthority',
    summary: 'The certificate of one authority',
    responses: { 200: { description: 'DER (RFC 2585 §4.1)', mediaType: 'application/pkix-cert' }, ...NOT_MODIFIED },
    handle: ({ params }, context) => {
      const found = authorities.certificates().find((der) => authorityIdOf(der) === params['id'])
      if (found === undefined) return refusalAnswer({ reason: 'not_found' }, 'problem')
      const headers = { 'Content-Type': 'application/pkix-cert', 'Cache-Control': `public, max-age=${MAX_AGE}` }
      return unlessKnown({ status: 200, headers, body: found }, authorityIdOf(found), context)
    },
  }),
]

const bundleSchema = z.object({
  keys: z.array(
    z.looseObject({
      kty: z.enum(['EC', 'RSA', 'OKP']),
      use: z.literal('x509-svid'),
      x5c: z.array(z.string()).length(1),
    }),
  ),
  spiffe_sequence: z.int(),
  spiffe_refresh_hint: z.int(),
})

/**
 * `GET /spiffe/bundle`: the trust bundle of our trust domain (SPIFFE Trust Domain and Bundle §4, X509-SVID §6.1). No
 * JWT keys: our tokens are no JWT-SVIDs. Over https alone: it says whom to trust.
 */
export const bundleRoute = (authorities: Authorities): Route =>
  getRoute({
    path: '/spiffe/bundle',
    isFrequent: true,
    operationId: 'getTrustBundle',
    summary: 'The X.509 trust bundle of the trust domain (SPIFFE)',
    tag: 'pki',
    query: z.looseObject({}),
    responses: { 200: { description: 'The bundle', schema: bundleSchema }, ...NOT_MODIFIED },
    handle: (_request, context) => {
      const keys = authorities.anchors().map((der) => ({
        ...new X509Certificate(der).publicKey.export({ format: 'jwk' }),
        use: 'x509-svid',
        x5c: [der.toString('base64')],
      }))
      const bundle = { keys, spiffe_sequence: authorities.version(), spiffe_refresh_hint: REFRESH_HINT }
      return cacheable(bundle, MAX_AGE, context)
    },
  })
