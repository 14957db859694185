import { z } from 'zod'
import { oauthErrorSchema, problemSchema } from './errors.js'
import type { ResponseDocs, Route, SecurityScheme } from './route.js'

/** A description of the routes in OpenAPI 3.1, whose schemas are JSON Schema 2020-12 as zod has them. */
export function openapiDocument(
  { issuer, version }: { readonly issuer: string; readonly version: string },
  routes: readonly Route[],
): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Errand',
      version,
      summary: 'A short-lived credential broker: OAuth 2.0 Token Exchange with grants that people approve',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: issuer }],
    paths,
    components: { securitySchemes: SECURITY_SCHEMES },
  }
}

const bearer = (description: string) => ({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description })

const SECURITY_SCHEMES: Readonly<
  Record<SecurityScheme | 'credential_with_proof' | 'resource_server_secret' | 'resource_server_certificate', unknown>
> = {
  assertion: bearer('The assertion of a workload'),
  person: bearer('A token of a people issuer'),
  credential: bearer('A credential of this broker that is bound to a client certificate, shown with it, or to nothing'),
  credential_with_proof: {
    type: 'http',
    scheme: 'DPoP',
    description:
      'A credential of this broker that is bound to a DPoP key, with a proof in the DPoP header (RFC 9449 §7.1)',
  },
  resource_server: bearer('A client assertion of a resource server (RFC 7523)'),
  resource_server_secret: { type: 'http', scheme: 'basic', description: 'The secret of a resource server' },
  resource_server_certificate: { type: 'mutualTLS', description: 'The certificate of a resource server (RFC 8705 §2)' },
}

function operationOf({ path, style, docs }: Route): Readonly<Record<string, unknown>> {
  const parameters = [
    ...pathParameters(path),
    ...(docs.query ? queryParameters(docs.query) : []),
    ...(docs.dpop ? [DPOP_PARAMETER] : []),
  ]
  const error = {
    description: 'An error',
    content: {
      [style === 'oauth' ? 'application/json' : 'application/problem+json']: {
        schema: responseSchema(style === 'oauth' ? oauthErrorSchema : problemSchema),
      },
    },
  }
  const responses = Object.fromEntries(
    Object.entries(docs.responses).map(([status, docsOf]) => [
      status,
      { ...responseOf(docsOf), ...(docs.dpop && { headers: DPOP_NONCE }) },
    ]),
  )
  return {
    operationId: docs.operationId,
    summary: docs.summary,
    tags: [docs.tag],
    ...(parameters.length > 0 && { parameters }),
    ...requestBodyOf(docs),
    ...(docs.security.length > 0 && { security: docs.security.flatMap(requirementsOf) }),
    responses: { ...responses, default: error },
  }
}

function requirementsOf(scheme: SecurityScheme): readonly Readonly<Record<string, readonly string[]>>[] {
  if (scheme === 'resource_server')
    return [{ resource_server: [] }, { resource_server_secret: [] }, { resource_server_certificate: [] }]
  return scheme === 'credential' ? [{ credential: [] }, { credential_with_proof: [] }] : [{ [scheme]: [] }]
}

const DPOP_PARAMETER = {
  name: 'DPoP',
  in: 'header',
  required: false,
  description: 'A proof of the key that a credential is bound to, or is to be bound to (RFC 9449)',
  schema: { type: 'string' },
}

const DPOP_NONCE = {
  'DPoP-Nonce': {
    description: 'What the next proof must carry; in every answer to a request with a DPoP header (RFC 9449 §8)',
    schema: { type: 'string' },
  },
}

function requestBodyOf({ form, json, jsonOptional, bytes }: Route['docs']): Readonly<Record<string, unknown>> {
  if (form) {
    const content = { 'application/x-www-form-urlencoded': { schema: requestSchema(form) } }
    return { requestBody: { required: true, content } }
  }
  if (bytes) return { requestBody: { required: true, content: { [bytes]: { schema: { type: 'string' } } } } }
  if (json)
    return {
      requestBody: {
        required: jsonOptional !== true,
        content: { 'application/json': { schema: requestSchema(json) } },
      },
    }
  return {}
}

function responseOf({
  description,
  schema,
  mediaType = 'application/json',
}: ResponseDocs): Readonly<Record<string, unknown>> {
  if (!schema)
    return mediaType === 'application/json'
      ? { description }
      : { description, content: { [mediaType]: { schema: { type: 'string' } } } }
  return { description, content: { [mediaType]: { schema: responseSchema(schema) } } }
}

const pathParameters = (path: string): readonly unknown[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }))

const queryParameters = (query: z.ZodObject): readonly unknown[] =>
  Object.entries<z.core.$ZodType>(query.shape).map(([name, schema]) => ({
    name,
    in: 'query',
    required: !z.safeParse(schema, undefined).success,
    schema: requestSchema(schema),
  }))

const requestSchema = (schema: z.core.$ZodType): unknown => schemaOf(schema, 'input')
const responseSchema = (schema: z.core.$ZodType): unknown => schemaOf(schema, 'output')

function schemaOf(schema: z.core.$ZodType, io: 'input' | 'output'): unknown {
  // What JSON Schema cannot say (a transform) is left open in the description; the endpoint still checks it.
  const { $schema: _, ...bare } = z.toJSONSchema(schema, { target: 'draft-2020-12', io, unrepresentable: 'any' })
  return bare
}
