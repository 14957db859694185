// @ts-check
// Documents that name what does not exist: rows of docs/rfc-compliance.md, and links between documents.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { at, root } from './paths.mjs'

const COMPLIANCE = 'docs/rfc-compliance.md'
const NOT_OURS = new Set(['node_modules', 'dist', 'coverage', 'data'])

/**
 * @typedef {object} Tree what the documents are compared with; paths are relative to the root
 * @property {(path: string) => boolean} exists
 * @property {(path: string) => string} read
 */

/**
 * The titles of tests and groups of tests, as they stand in the source: `%s` and `$name` are not filled in.
 * @param {string} source
 * @returns {string[]}
 */
export function titlesIn(source) {
  /** @type {string[]} */
  const titles = []
  const visit = (/** @type {ts.Node} */ node) => {
    if (ts.isCallExpression(node) && isTestCall(node.expression)) {
      const [title] = node.arguments
      if (title && ts.isStringLiteralLike(title)) titles.push(title.text)
      else if (title && ts.isTemplateExpression(title)) titles.push(title.getText().slice(1, -1))
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('x.ts', source, ts.ScriptTarget.Latest, true))
  return titles
}

/**
 * `test`, `describe`, and what `test.each(…)` gives; not `test.each` itself, whose first argument is its table.
 * @param {ts.Expression} callee
 * @returns {boolean}
 */
function isTestCall(callee) {
  if (ts.isIdentifier(callee)) return callee.text === 'test' || callee.text === 'describe'
  if (!ts.isCallExpression(callee) || !ts.isPropertyAccessExpression(callee.expression)) return false
  return callee.expression.name.text === 'each' && isTestCall(callee.expression.expression)
}

/**
 * A row is `| clause | files | tests |`: files and tests in backquotes, after a test its title, tests divided by `<br>`.
 * A clause that is not followed says `no` in place of files, and why in place of tests.
 * @param {string} document
 * @param {Tree} tree
 * @returns {string[]}
 */
export function complianceFaults(document, tree) {
  /** @type {string[]} */
  const faults = []
  /** @type {Map<string, string[]>} */
  const known = new Map()
  const titlesOf = (/** @type {string} */ path) => {
    const titles = known.get(path) ?? titlesIn(tree.read(path))
    known.set(path, titles)
    return titles
  }
  for (const [clause = '', files = '', tests = ''] of rowsIn(document)) {
    if (files === 'no') {
      if (tests === '') faults.push(`${clause}: says no, and not why`)
      continue
    }
    const paths = quotedIn(files)
    if (paths.length === 0) faults.push(`${clause}: names no file`)
    for (const path of paths) if (!tree.exists(path)) faults.push(`${clause}: there is no file ${path}`)
    for (const test of tests.split('<br>')) faults.push(...testFaults(clause, test.trim(), tree, titlesOf))
  }
  return faults
}

/**
 * @param {string} clause
 * @param {string} test
 * @param {Tree} tree
 * @param {(path: string) => string[]} titlesOf
 * @returns {string[]}
 */
function testFaults(clause, test, tree, titlesOf) {
  const [, path, title] = /^`([^`]+)` (.+)$/.exec(test) ?? []
  if (path === undefined || title === undefined) return [`${clause}: names no test with its title`]
  if (!tree.exists(path)) return [`${clause}: there is no file ${path}`]
  if (titlesOf(path).some((candidate) => candidate.includes(title))) return []
  return [`${clause}: ${path} has no test “${title}”`]
}

/**
 * Rows of tables, without heads and rulers.
 * @param {string} document
 * @returns {string[][]}
 */
function rowsIn(document) {
  const lines = document.split('\n')
  return lines
    .filter((line, index) => line.startsWith('|') && !isRuler(line) && !isRuler(lines[index + 1] ?? ''))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

const isRuler = (/** @type {string} */ line) => /^\|(?:\s*:?-+:?\s*\|)+\s*$/.test(line)
const quotedIn = (/** @type {string} */ text) => [...text.matchAll(/`([^`]+)`/g)].map(([, path]) => path ?? '')

/**
 * Links to other files of ours and to headings; what is elsewhere is not asked for.
 * @param {string} path of the document
 * @param {Tree} tree
 * @returns {string[]}
 */
export function linkFaults(path, tree) {
  /** @type {string[]} */
  const faults = []
  for (const link of linksIn(tree.read(path))) {
    if (/^[a-z][a-z+.-]*:/i.test(link)) continue
    const [file = '', fragment] = link.split('#')
    const target = file === '' ? path : normalize(join(dirname(path), file))
    if (!tree.exists(target)) faults.push(`${path}: ${link} leads nowhere`)
    else if (fragment && target.endsWith('.md') && !headingsIn(tree.read(target)).has(fragment))
      faults.push(`${path}: ${link} leads to no heading`)
  }
  return faults
}

const withoutCode = (/** @type {string} */ text) => text.replace(/^(```|~~~).*?^\1/gms, '').replace(/`[^`\n]*`/g, '``')
const linksIn = (/** @type {string} */ text) =>
  [...withoutCode(text).matchAll(/\]\(([^()\s]+)\)/g)].map(([, target]) => target ?? '')

/**
 * Headings as they are linked to: lower case, punctuation gone, hyphens for spaces.
 * @param {string} text
 */
function headingsIn(text) {
  const lines = text.replace(/^(```|~~~).*?^\1/gms, '').split('\n')
  const headings = lines.flatMap((line) => /^#+ (.*)$/.exec(line)?.[1] ?? [])
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function documentsUnder(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name.startsWith('.') || NOT_OURS.has(entry.name)) return []
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return documentsUnder(path)
    return entry.name.endsWith('.md') ? [relative(root, path)] : []
  })
}

/** @returns {string[]} what is wrong with our documents */
function faultsOfOurs() {
  /** @type {Tree} */
  const tree = { exists: (path) => existsSync(at(path)), read: (path) => readFileSync(at(path), 'utf8') }
  return [
    ...complianceFaults(tree.read(COMPLIANCE), tree),
    ...documentsUnder(root).flatMap((path) => linkFaults(path, tree)),
  ]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const faults = faultsOfOurs()
  for (const fault of faults) console.error(fault)
  if (faults.length > 0) process.exitCode = 1
}
