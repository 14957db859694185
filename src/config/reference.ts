import { alternatives, configShape, expectation, type ShapeNode } from './shape.js'

/** docs/configuration.md, from the schema: what is not in the schema is not in the configuration. */
export function renderReference(): string {
  const root = configShape()
  const sections = Object.entries(root.properties ?? {}).flatMap(([key, node]) => sectionsOf(key, node))
  const tables = [{ path: 'The file', node: root }, ...sections].map(({ path, node }) => renderSection(path, node))
  // Forms that share a part would show it twice.
  return `${[INTRODUCTION, ...new Set(tables)].join('\n\n')}\n`
}

/** config/errand.schema.json, for editors. */
export const renderJsonSchema = (): string => `${JSON.stringify(configShape(), null, 2)}\n`

interface Section {
  readonly path: string
  readonly node: ShapeNode
}

/** The sections below a node, with the path as one would write it: `listen[]`, `resources[].scopes.<name>`. */
function sectionsOf(path: string, node: ShapeNode): readonly Section[] {
  const options = alternatives(node)
  return options.flatMap((option) => {
    if (option.type === 'array' && option.items !== undefined) return sectionsOf(`${path}[]`, option.items)
    if (option.properties !== undefined) {
      const label = options.length > 1 ? variantOf(path, option) : path
      const below = Object.entries(option.properties).flatMap(([key, child]) => sectionsOf(`${path}.${key}`, child))
      return [{ path: label, node: option }, ...below]
    }
    const values = option.additionalProperties
    return values === undefined || values === false ? [] : sectionsOf(`${path}.<name>`, values)
  })
}

/** Of several forms, the value that tells this one. */
function variantOf(path: string, node: ShapeNode): string {
  const [told] = Object.entries(node.properties ?? {}).filter(([, child]) => child.const !== undefined)
  return told === undefined ? path : `${path} (${told[0]}: ${String(told[1].const)})`
}

function renderSection(path: string, node: ShapeNode): string {
  const rows = Object.entries(node.properties ?? {}).map(([key, child]) => renderRow(key, child, node))
  return [
    path === 'The file' ? '## The file' : `## \`${path}\``,
    '',
    ...(node.description === undefined ? [] : [node.description, '']),
    '| Key | Value | Default | Meaning |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n')
}

function renderRow(key: string, node: ShapeNode, parent: ShapeNode): string {
  const required = parent.required?.includes(key) === true
  const cells = [`\`${key}\``, valueOf(node), required ? '**required**' : defaultOf(node), node.description ?? '']
  return `| ${cells.map(escapeCell).join(' | ')} |`
}

function valueOf(node: ShapeNode): string {
  if (node.$comment !== undefined) return node.$comment
  if (node.properties !== undefined) return 'a section, see below'
  if (node.type === 'array') {
    const items = alternatives(node.items ?? {})
    return items.some((item) => item.properties !== undefined) ? 'a list, see below' : expectation([node])
  }
  if (typeof node.additionalProperties === 'object') {
    const values = alternatives(node.additionalProperties)
    const names = node.propertyNames === undefined ? 'by name' : `by name (${expectation([node.propertyNames])})`
    const plain = values.filter((value) => value.properties === undefined)
    const words = plain.length === 0 ? [] : [expectation(plain)]
    return `${names}: ${[...words, ...(plain.length < values.length ? ['a section, see below'] : [])].join('; or ')}`
  }
  return expectation([node])
}

function defaultOf({ default: value, properties }: ShapeNode): string {
  if (value === undefined) return '—'
  if (Array.isArray(value)) return value.length === 0 ? 'none' : `\`${JSON.stringify(value)}\``
  if (typeof value === 'object') return properties === undefined ? 'none' : 'as below'
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
}

const escapeCell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

const INTRODUCTION = `# Configuration

<!-- Written by \`npm run docs\` from src/config/document.ts. Change it there. -->

Errand reads one YAML file: the path in \`ERRAND_CONFIG\`, else \`config/errand.yaml\`. It is read once, at start.
\`errand config check FILE\` reads a file and starts nothing. [\`config/errand.schema.json\`](../config/errand.schema.json) is
the same as a JSON Schema: an editor that knows it completes keys and shows mistakes. The shipped
[\`config/errand.yaml\`](../config/errand.yaml) is a working example for one machine.

- **Everything wrong is told at once**, each fault with its place and what to do. Nothing is guessed: an unknown key, a
  missing group, an unknown tier or an unreadable file, and Errand does not start.
- **Secrets are never in the file.** Keys that end in \`_file\` name a file, keys that end in \`_env\` an environment
  variable. Relative paths start at the folder of the configuration.
- **Durations** are a whole number with its unit: \`30s\`, \`15m\`, \`1h\`, \`30d\`. A number alone is refused.
- **Patterns**: \`*\` is any characters, \`/\` and \`:\` included; \`\\\` quotes the next one; the whole text must match. A value that
  looks like a number stands in quotes: \`repository_id: "74"\`.
- **Claims** are named as they are, nested ones by JSON Pointer: \`/kubernetes.io/serviceaccount/uid\`.
- **YAML 1.2**, one document, without tags, anchors and repeated keys. \`yes\` and \`on\` are texts, not \`true\`.

## What does not load

Besides mistakes of form:

- an \`issuer\` that is not https (on loopback http will do), or not in its one spelling: no query, no fragment, no slash at the end;
- plain http beyond this machine, unless it serves \`pki\` alone or says \`behind_proxy: true\`; metrics for everybody;
- a shared public issuer (GitHub, GitLab.com, …) whose \`require\` states no immutable id of a tenant exactly;
- one issuer twice; Errand itself as an issuer, or as the audience of a resource; an issuer of both machines and people without disjoint audiences;
- an \`owner\` or an approver group without a role, a tier that nobody defines, an empty list of approvals, a count of 0;
- an \`allow\` rule that does not state the anchor claim exactly, that trusts an issuer which is not under \`workloads\`, or in a tier where people decide;
- several people issuers of which one has no \`same_person\`, or with the local person among them: one human could count twice;
- \`preset: local\` where another machine can reach the api;
- Redis without \`keys.encryption_key_file\`, or with a password in its URL;
- what this build cannot do: \`policies\`, and \`signed: true\`. Where people approve,
  \`signed: true\` is the default, so such a tier says \`signed: false\` for as long as that is so.`
