import { z } from 'zod'
import { oauthErrorAnswer } from '../errors.js'
import { getRoute, type Route } from '../route.js'

/** `GET /authorize` only refuses. It knows no client, so it redirects to nobody (RFC 6749 §4.1.2.1). */
export const authorizeRoute: Route = getRoute({
  path: '/authorize',
  style: 'oauth',
  operationId: 'authorize',
  summary: 'Refuses: nobody signs in here',
  tag: 'metadata',
  query: z.looseObject({}),
  responses: {},
  handle: () =>
    oauthErrorAnswer({
      error: 'unsupported_response_type',
      description: 'nobody signs in here: exchange an assertion at the token endpoint',
    }),
})
