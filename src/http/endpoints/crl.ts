import { z } from 'zod'
import type { Crls } from '../../revocation/crl.js'
import type { ServedCrl } from '../../revocation/list-in-force.js'
import { toPem } from '../../x509/pem.js'
import type { HttpAnswer, RequestContext } from '../answer.js'
import { NOT_MODIFIED, unlessKnown } from '../cacheable.js'
import { problemAnswer, refusalAnswer } from '../errors.js'
import { getRoute, type Route } from '../route.js'
import { PKI_SERVICES } from './ca.js'

const common = {
  place: 'anywhere',
  services: PKI_SERVICES,
  isFrequent: true,
  tag: 'pki',
  query: z.looseObject({}),
} as const
const MEDIA_TYPE = 'application/pkix-crl'
const PEM_TYPE = 'application/x-pem-file'
const RETRY_AFTER = 5

/**
 * `GET /crl/{id}`: the complete CRL of one authority (RFC 2585 §4.2). `GET /crl`: all of them
 * in PEM, since servers that are given a CRL want one for every authority of the path, in one
 * file. Caches must ask each time: an end is on the next list.
 */
export const crlRoutes = (crls: Pick<Crls, 'of' | 'all'>): readonly Route[] => [
  getRoute({
    ...common,
    path: '/crl/{id}',
    operationId: 'getCrl',
    summary: 'The CRL of an authority (RFC 5280 §5)',
    responses: {
      200: { description: 'DER', mediaType: MEDIA_TYPE },
      ...NOT_MODIFIED,
    },
    handle: async ({ params }, context) => {
      const crl = await crls.of(params['id'] ?? '')
      if (crl === 'unknown') return refusalAnswer({ reason: 'not_found' }, 'problem')
      return crl === 'not_now' ? NOT_NOW : served(crl, context)
    },
  }),
  getRoute({
    ...common,
    path: '/crl',
    operationId: 'getCrls',
    summary: 'The CRLs of all authorities',
    responses: {
      200: { description: 'PEM', mediaType: PEM_TYPE },
      ...NOT_MODIFIED,
    },
    handle: async (_request, context) => {
      const lists = await crls.all()
      if (lists === 'not_now') return NOT_NOW
      const body = lists.map(pemOf).join('')
      const headers = { 'Content-Type': PEM_TYPE, 'Cache-Control': 'public, no-cache' }
      return unlessKnown({ status: 200, headers, body }, lists.map(({ number }) => number).join('.'), context)
    },
  }),
]

/** The last list has run out, and no newer one can be made: the store is away. */
const NOT_NOW = problemAnswer({
  status: 503,
  code: 'temporarily_unavailable',
  title: 'there is no list that is in force at the moment',
  retryAfter: RETRY_AFTER,
})

const pems = new WeakMap<Buffer, string>()

/** Of a long list it takes a while, and one list is asked for many times. */
function pemOf({ der }: ServedCrl): string {
  const pem = pems.get(der) ?? toPem('X509 CRL', der)
  pems.set(der, pem)
  return pem
}

function served({ der, number, thisUpdate, nextUpdate }: ServedCrl, context: RequestContext): HttpAnswer {
  const headers = {
    'Content-Type': MEDIA_TYPE,
    'Cache-Control': 'public, no-cache',
    'Last-Modified': httpDate(thisUpdate),
    Expires: httpDate(nextUpdate),
  }
  return unlessKnown({ status: 200, headers, body: der }, number, context)
}

/** RFC 9110 §5.6.7. */
const httpDate = (at: number): string => new Date(at * 1000).toUTCString()
