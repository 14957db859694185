import { z } from 'zod'
import { cacheable, NOT_MODIFIED } from '../cacheable.js'
import { openapiDocument } from '../openapi.js'
import { getRoute, type Route } from '../route.js'

const MAX_AGE = 300

/** `GET /openapi.json`: these routes, and itself. */
export function openapiRoute(
  facts: { readonly issuer: string; readonly version: string },
  routes: readonly Route[],
): Route {
  const route: Route = getRoute({
    path: '/openapi.json',
    operationId: 'getOpenapi',
    summary: 'This description',
    tag: 'operating',
    query: z.looseObject({}),
    responses: { 200: { description: 'OpenAPI 3.1', schema: z.looseObject({ openapi: z.string() }) }, ...NOT_MODIFIED },
    handle: (_request, context) => {
      document ??= openapiDocument(facts, [...routes, route])
      return cacheable(document, MAX_AGE, context)
    },
  })
  let document: unknown
  return route
}
