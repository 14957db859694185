import type { IncomingMessage } from 'node:http'
import type { z } from 'zod'
import { holdsToken } from '../oauth/misplaced-token.js'
import type { HttpAnswer, RequestContext } from './answer.js'
import { formTypeRefusal, jsonTypeRefusal, mediaTypeRefusal, parseForm, parseJson } from './body.js'
import { refusalAnswer, type ErrorStyle, type HttpRefusal } from './errors.js'

/**
 * A route says everything about an endpoint in one place: where it is, what it takes, what it answers. The schemas that
 * validate requests are the ones that /openapi.json shows.
 */
export interface Route {
  readonly method: 'GET' | 'POST'
  /** Below the issuer, parameters in braces: `/grants/{id}`. Also the label in metrics and logs. */
  readonly path: string
  readonly place: Place
  readonly services: readonly Service[]
  readonly style: ErrorStyle
  readonly docs: RouteDocs
  readonly readsBody: boolean
  /** Asked for all the time: served requests are logged at `debug` only. */
  readonly isFrequent: boolean
  /** Its last parameter is the rest of the path, slashes included. */
  readonly takesRest?: boolean
  /** Parses and answers. Throws for faults only. */
  readonly answer: (raw: RawRequest, context: RequestContext) => Promise<HttpAnswer> | HttpAnswer
}

export type Service = 'api' | 'mtls' | 'pki' | 'metrics'

/**
 * `issuer`: below the issuer's path. `anywhere`: at the root of the host, too (probes know no issuer). `well-known`:
 * appended to the issuer's path, and inserted before it (RFC 8414 §3.1).
 */
export type Place = 'issuer' | 'anywhere' | 'well-known'

export interface RawRequest {
  readonly message: IncomingMessage
  /** Percent-decoded, not checked. */
  readonly params: Readonly<Record<string, string>>
  /** After `?`; empty when there is none. */
  readonly search: string
  /** Empty for routes that do not read it. */
  readonly body: Buffer
}

export interface ResponseDocs {
  readonly description: string
  /** Of the JSON body. Absent: no JSON. */
  readonly schema?: z.ZodType
  /** `application/json` unless said. */
  readonly mediaType?: string
}

export type SecurityScheme = 'assertion' | 'person' | 'credential' | 'resource_server'

export interface RouteDocs {
  readonly operationId: string
  readonly summary: string
  readonly tag: string
  /** Who may call; empty: anybody. */
  readonly security: readonly SecurityScheme[]
  /** It reads DPoP proofs. */
  readonly dpop: boolean
  readonly query?: z.ZodObject
  readonly form?: z.ZodType
  readonly json?: z.ZodType
  readonly jsonOptional?: boolean
  /** Media type of a body that is neither. */
  readonly bytes?: string
  readonly responses: Readonly<Record<number, ResponseDocs>>
}

interface Common {
  readonly path: string
  readonly place?: Place
  readonly services?: readonly Service[]
  readonly isFrequent?: boolean
  readonly operationId: string
  readonly summary: string
  readonly tag: string
  readonly security?: readonly SecurityScheme[]
  readonly dpop?: boolean
  readonly responses: Readonly<Record<number, ResponseDocs>>
}

const placed = ({ path, place = 'issuer', services = ['api', 'mtls'], isFrequent = false }: Common) => ({
  path,
  place,
  services,
  isFrequent,
})
const documented = ({ operationId, summary, tag, security = [], dpop = false, responses }: Common) => ({
  operationId,
  summary,
  tag,
  security,
  dpop,
  responses,
})

/**
 * An OAuth endpoint: a form in, errors by RFC 6749 §5.2. The handler gets the form with repeated parameters visible, and
 * parses it itself (`oauth/`); `form` documents what that parser reads.
 */
export function formRoute(
  route: Common & {
    readonly form: z.ZodType
    readonly handle: (form: URLSearchParams, context: RequestContext) => Promise<HttpAnswer>
  },
): Route {
  return {
    method: 'POST',
    ...placed(route),
    style: 'oauth',
    docs: { ...documented(route), form: route.form },
    readsBody: true,
    answer: ({ message, body }, context) => {
      const wrongType = formTypeRefusal(message)
      if (wrongType) return refusalAnswer(wrongType, 'oauth')
      const form = parseForm(body)
      return form.ok ? route.handle(form.value, context) : refusalAnswer(form.refusal, 'oauth')
    },
  }
}

/**
 * A POST of JSON, validated by `body`; errors by RFC 9457. With `optional` an absent body counts as `{}`. `carries` names
 * the members that hold tokens; anywhere else a token is refused.
 */
export function jsonRoute<B>(
  route: Common & {
    readonly body: z.ZodType<B>
    readonly optional?: boolean
    readonly carries?: readonly string[]
    readonly handle: (
      request: { readonly body: B; readonly params: Readonly<Record<string, string>> },
      context: RequestContext,
    ) => Promise<HttpAnswer>
  },
): Route {
  const { optional = false, carries = [] } = route
  return {
    method: 'POST',
    ...placed(route),
    style: 'problem',
    docs: { ...documented(route), json: route.body, jsonOptional: optional },
    readsBody: true,
    answer: ({ message, body, params }, context) => {
      const absent = optional && body.length === 0
      const wrongType = absent ? undefined : jsonTypeRefusal(message)
      if (wrongType) return refusalAnswer(wrongType, 'problem')
      const json = absent ? { ok: true as const, value: {} } : parseJson(body)
      if (!json.ok) return refusalAnswer(json.refusal, 'problem')
      if (hasMisplacedToken(json.value, carries)) return refusalAnswer({ reason: 'misplaced_token' }, 'problem')
      const parsed = route.body.safeParse(json.value)
      if (!parsed.success) return refusalAnswer(invalid(parsed.error), 'problem')
      return route.handle({ body: parsed.data, params }, context)
    },
  }
}

/** A POST of bytes of one media type; errors by RFC 9457. */
export function bytesRoute(
  route: Common & {
    readonly mediaType: string
    readonly handle: (body: Buffer, context: RequestContext) => Promise<HttpAnswer>
  },
): Route {
  return {
    method: 'POST',
    ...placed(route),
    style: 'problem',
    docs: { ...documented(route), bytes: route.mediaType },
    readsBody: true,
    answer: ({ message, body }, context) => {
      const wrongType = mediaTypeRefusal(message, route.mediaType)
      return wrongType ? refusalAnswer(wrongType, 'problem') : route.handle(body, context)
    },
  }
}

/** A GET; its query is validated by `query`, repeated parameters refused; errors by RFC 9457 unless said. */
export function getRoute<Q extends z.ZodObject>(
  route: Common & {
    readonly style?: ErrorStyle
    readonly query: Q
    readonly handle: (
      request: { readonly query: z.output<Q>; readonly params: Readonly<Record<string, string>> },
      context: RequestContext,
    ) => Promise<HttpAnswer> | HttpAnswer
  },
): Route {
  const { style = 'problem' } = route
  return {
    method: 'GET',
    ...placed(route),
    style,
    docs: { ...documented(route), query: route.query },
    readsBody: false,
    answer: ({ search, params }, context) => {
      const parameters = new URLSearchParams(search)
      const names = [...parameters.keys()]
      if (new Set(names).size < names.length) {
        return refusalAnswer({ reason: 'malformed_request', detail: 'a parameter is repeated' }, style)
      }
      const parsed = route.query.safeParse(Object.fromEntries(parameters))
      if (!parsed.success) return refusalAnswer(invalid(parsed.error), style)
      return route.handle({ query: parsed.data, params }, context)
    },
  }
}

function hasMisplacedToken(value: unknown, carries: readonly string[]): boolean {
  if (typeof value === 'string') return holdsToken(value)
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(
    ([name, member]) => !carries.includes(name) && (holdsToken(name) || hasMisplacedToken(member, [])),
  )
}

const MAX_ERRORS = 10

const invalid = (error: z.ZodError): HttpRefusal => ({
  reason: 'invalid_members',
  errors: error.issues.slice(0, MAX_ERRORS).map(({ path, message }) => ({
    at: `/${path.map((step) => String(step).replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`,
    // It may quote a name that the caller made up.
    message: holdsToken(message) ? 'is not known' : message,
  })),
})

/** Where a route is found, for an issuer with this path (empty, or `/tenant`). */
export function pathsOf({ path, place }: Pick<Route, 'path' | 'place'>, base: string): readonly string[] {
  const below = `${base}${path}`
  if (place === 'anywhere') return [...new Set([below, path])]
  if (place === 'well-known') return [...new Set([below, `${path}${base}`])]
  return [below]
}
