import { Ajv2020 } from 'ajv/dist/2020.js'

/** What /openapi.json says of one operation: as much of OpenAPI as checking an answer needs. */
interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >
}

export interface OpenapiDocument {
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

/** What an answer has that the description does not allow; empty when it is as described. */
export function undocumented(document: OpenapiDocument, answer: ObservedAnswer): readonly string[] {
  const operation = document.paths[answer.path]?.[answer.method.toLowerCase()]
  if (!operation) return [`${answer.method} ${answer.path} is not described`]
  const response = operation.responses[String(answer.status)] ?? operation.responses['default']
  if (!response) return [`status ${answer.status} is not described`]
  if (answer.status === 304 || answer.status === 204) return answer.body === '' ? [] : ['there is a body']
  const type = (answer.contentType ?? '').split(';')[0]?.trim() ?? ''
  const content = response.content?.[type]
  if (!content)
    return response.content === undefined && answer.body === '' ? [] : [`content type "${type}" is not described`]
  if (!type.endsWith('json')) return []
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true })
  const validate = ajv.compile(content.schema)
  if (validate(JSON.parse(answer.body))) return []
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`)
}
