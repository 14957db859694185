import { z } from 'zod'
import { configDocument } from './document.js'

/** A node of the JSON Schema of the configuration: what hints and the reference are written from. */
export interface ShapeNode {
  readonly type?: string
  readonly title?: string
  readonly description?: string
  /** What is expected, in words. */
  readonly $comment?: string
  readonly properties?: Readonly<Record<string, ShapeNode>>
  readonly required?: readonly string[]
  readonly additionalProperties?: ShapeNode | false
  readonly propertyNames?: ShapeNode
  readonly items?: ShapeNode
  readonly anyOf?: readonly ShapeNode[]
  readonly oneOf?: readonly ShapeNode[]
  readonly enum?: readonly string[]
  readonly const?: string | number | boolean
  readonly default?: unknown
  readonly minimum?: number
  readonly examples?: readonly string[]
}

let made: ShapeNode | undefined

/** The JSON Schema (draft 2020-12) of what one may write. */
export function configShape(): ShapeNode {
  made ??= z.toJSONSchema(configDocument, { io: 'input', target: 'draft-2020-12' }) as ShapeNode
  return made
}

/** What may stand in one place: each of the alternatives, the innermost ones. */
export const alternatives = (node: ShapeNode): readonly ShapeNode[] =>
  [node.anyOf ?? node.oneOf ?? []]
    .flat()
    .flatMap(alternatives)
    .concat((node.anyOf ?? node.oneOf) ? [] : [node])

/** The nodes that describe the value at a path: none where nothing is known. */
export function shapesAt(path: readonly PropertyKey[], from: ShapeNode = configShape()): readonly ShapeNode[] {
  const [step, ...rest] = path
  if (step === undefined) return [from]
  return alternatives(from)
    .map((node) => stepInto(node, step))
    .filter((node) => node !== undefined)
    .flatMap((node) => shapesAt(rest, node))
}

function stepInto(node: ShapeNode, step: PropertyKey): ShapeNode | undefined {
  if (typeof step === 'number') return node.items
  const properties = node.properties ?? {}
  if (typeof step === 'string' && Object.hasOwn(properties, step)) return properties[step]
  return node.additionalProperties === false ? undefined : node.additionalProperties
}

/** The keys that a section may have. */
export const keysOf = (nodes: readonly ShapeNode[]): readonly string[] => [
  ...new Set(nodes.flatMap(alternatives).flatMap((node) => Object.keys(node.properties ?? {}))),
]

/** What is expected in one place, in words. */
export function expectation(nodes: readonly ShapeNode[]): string {
  const words = nodes.flatMap((node) =>
    node.$comment === undefined ? alternatives(node).map(describe) : [node.$comment],
  )
  return [...new Set(words)].join(', or ')
}

function describe(node: ShapeNode): string {
  if (node.$comment !== undefined) return node.$comment
  if (node.enum !== undefined) return `one of ${node.enum.join(', ')}`
  if (node.const !== undefined) return String(node.const)
  if (node.type === 'boolean') return 'true or false'
  if (node.type === 'array') return `a list, each ${expectation([node.items ?? {}])}`
  if (node.properties !== undefined) return `a section with ${Object.keys(node.properties).join(', ')}`
  if (node.type === 'object') return 'a section'
  return node.type ?? 'something else'
}
