import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

/** What /openapi.json says of one operation: as much of OpenAPI as checking an answer needs. */
interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >
}

export interface OpenapiDocument {
  readonly servers?: readonly { readonly url: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

export interface ObservedAnswer {
  readonly method: string
  /** The template: `/grants/{id}`. */
  readonly path: string
  readonly status: number
  readonly contentType: string | null
  /** As received. */
  readonly body: string
}

const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true, addUsedSchema: false })
const compiled = new WeakMap<object, ValidateFunction>()

/** What an answer has that the description does not allow; empty when it is as described. */
export function undocumented(document: OpenapiDocument, answer: ObservedAnswer): readonly string[] {
  // HEAD is GET without the body (RFC 9110 §9.3.2): OpenAPI describes it by that.
  const method = answer.method === 'HEAD' ? 'get' : answer.method.toLowerCase()
  const operation = document.paths[answer.path]?.[method]
  if (!operation) return [`${answer.method} ${answer.path} is not described`]
  const response = operation.responses[String(answer.status)] ?? operation.responses['default']
  if (!response) return [`status ${answer.status} is not described`]
  // What is no error is not described by `default`.
  if (answer.status < 400 && operation.responses[String(answer.status)] === undefined)
    return [`status ${answer.status} is not described`]
  if (answer.status === 304 || answer.status === 204) return answer.body === '' ? [] : ['there is a body']
  const type = (answer.contentType ?? '').split(';')[0]?.trim() ?? ''
  const content = response.content?.[type]
  if (!content)
    return response.content === undefined && answer.body === '' ? [] : [`content type "${type}" is not described`]
  if (answer.method === 'HEAD') return answer.body === '' ? [] : ['there is a body']
  return type.endsWith('json') ? mismatches(content.schema, answer.body) : []
}

function mismatches(schema: object, body: string): readonly string[] {
  const validate = compiled.get(schema) ?? ajv.compile(schema)
  compiled.set(schema, validate)
  if (validate(JSON.parse(body))) return []
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message ?? ''} ${JSON.stringify(params)}`,
  )
}

/** The template that a path is served by, below the path of the issuer; `undefined` where nothing is described. */
export function templateOf({ servers, paths }: OpenapiDocument, pathname: string): string | undefined {
  const base = new URL(servers?.[0]?.url ?? 'http://localhost').pathname.replace(/\/$/, '')
  const below = pathname.startsWith(`${base}/`) ? pathname.slice(base.length) : pathname
  if (below in paths) return below
  return Object.keys(paths).find((template) => patternOf(template).test(below))
}

const patternOf = (template: string): RegExp =>
  new RegExp(`^${template.replaceAll(/[.]/g, '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`)
