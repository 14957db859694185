import { Ajv2020 } from 'ajv/dist/2020.js'
import { fullFormats } from 'ajv-formats/dist/formats.js'
import { ok, refuse, type Result } from './result.js'

/**
 * JSON Schema, draft 2020-12, for documents that come from the configuration. Strict: an unknown keyword or format is an
 * error and not a check that silently passes. Nothing is fetched. The schema is trusted as far as its author is; the
 * values that it checks are not, so a check stops at its first error and at a bounded depth.
 *
 * A check answers `undefined`: valid; otherwise where and what is wrong, by the schema's words: never the value itself.
 */
export type JsonSchemaCheck = (value: unknown) => string | undefined

const DRAFT = 'https://json-schema.org/draft/2020-12/schema'
const MAX_SCHEMA_DEPTH = 32
const MAX_SCHEMA_NODES = 5000
const MAX_VALUE_DEPTH = 32

/** The refusal says what is wrong with the schema. */
export function compileJsonSchema(schema: unknown): Result<JsonSchemaCheck, string> {
  const unfit = unfitness(schema)
  if (unfit !== undefined) return refuse(unfit)
  try {
    const validate = compiler().compile(schema as object)
    return ok((value) => {
      if (isDeeperThan(value, MAX_VALUE_DEPTH)) return `is nested deeper than ${MAX_VALUE_DEPTH}`
      if (validate(value)) return undefined
      const [error] = validate.errors ?? []
      // The path holds member names, which strangers choose.
      return [error?.instancePath.slice(0, 200) ?? '', error?.message ?? 'is not valid'].join(' ').trim()
    })
  } catch (error) {
    return refuse(error instanceof Error ? error.message : 'it does not compile')
  }
}

let made: Ajv2020 | undefined

/** One for all schemas: making it compiles the meta-schema. What it compiles is not added, so schemas cannot see one another. */
const compiler = (): Ajv2020 =>
  (made ??= new Ajv2020({
    strict: true,
    allErrors: false,
    ownProperties: true,
    addUsedSchema: false,
    logger: false,
    formats: fullFormats,
  }))

/** What ajv would not mind, and we do. */
function unfitness(schema: unknown): string | undefined {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return 'it is not an object'
  if (isDeeperThan(schema, MAX_SCHEMA_DEPTH)) return `it is nested deeper than ${MAX_SCHEMA_DEPTH}`
  const nodes = [...objectsIn(schema)]
  if (nodes.length > MAX_SCHEMA_NODES) return `it has more than ${MAX_SCHEMA_NODES} parts`
  const dialect = '$schema' in schema ? schema.$schema : DRAFT
  if (dialect !== DRAFT) return `$schema is not ${DRAFT}`
  // A promise is truthy: an asynchronous check would let everything through.
  if (nodes.some((node) => Object.hasOwn(node, '$async'))) return '$async is not supported'
  const remote = nodes.find((node) => ['$ref', '$dynamicRef'].some((key) => isRemote(node[key])))
  return remote === undefined ? undefined : 'a $ref leads out of the file'
}

const isRemote = (reference: unknown): boolean => typeof reference === 'string' && !reference.startsWith('#')

function* objectsIn(value: unknown): Generator<Readonly<Record<string, unknown>>> {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) yield value as Readonly<Record<string, unknown>>
  for (const member of Object.values(value)) yield* objectsIn(member)
}

const isDeeperThan = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((member) => isDeeperThan(member, levels - 1)))
