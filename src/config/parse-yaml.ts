import { isAlias, parseDocument, visit, type Document } from 'yaml'
import { ok, refuse, type Result } from '../runtime/result.js'
import type { ConfigFault } from './fault.js'

const MAX_CHARACTERS = 1_048_576
const REMEDY = 'the file is YAML 1.2: one document, no key twice, no tags and no anchors'

/** The file as plain JSON values. What other YAML readers would take differently (tags, anchors, `<<`) is refused. */
export function parseYaml(text: string): Result<unknown, readonly ConfigFault[]> {
  if (text.length > MAX_CHARACTERS) return refuse([fault('(the file)', 'is longer than 1 MiB')])
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    merge: false,
    uniqueKeys: true,
    strict: true,
    stringKeys: true,
    prettyErrors: true,
    // Not `silent`: that would let a second document pass.
    logLevel: 'error',
  })
  const broken = [...document.errors, ...document.warnings].map((error) =>
    fault(placeOf(error.linePos?.[0]), firstLine(error.message)),
  )
  if (broken.length > 0) return refuse(broken)
  const odd = [...aliasFaults(document)]
  if (odd.length > 0) return refuse(odd)
  const value: unknown = document.toJS({ maxAliasCount: 0 })
  const unsafe = hasPrototypeKey(value) ? [fault('(the file)', 'has a key named __proto__')] : []
  return unsafe.length > 0 ? refuse(unsafe) : ok(value)
}

function aliasFaults(document: Document): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  visit(document, {
    Alias: (_, node) => {
      if (isAlias(node)) faults.push(fault('(the file)', `uses the alias *${node.source}`))
    },
  })
  return faults
}

/** Copies of an object would drop it without a word. */
const hasPrototypeKey = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (Object.hasOwn(value, '__proto__') || Object.values(value).some(hasPrototypeKey))

const fault = (path: string, message: string): ConfigFault => ({ path, message, remedy: REMEDY })

const placeOf = (at: { line: number; col: number } | undefined): string =>
  at === undefined ? '(the file)' : `line ${at.line}, column ${at.col}`

const firstLine = (message: string): string => (message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '')
