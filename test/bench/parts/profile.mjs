// @ts-check
// What a V8 CPU profile says: self time by function and by file. The profile sees the main thread alone.
import { readFileSync } from 'node:fs'
import { align } from './report.mjs'

/**
 * @typedef {object} ProfileNode
 * @property {number} id
 * @property {number[]} [children]
 * @property {{ functionName: string, url: string, lineNumber: number }} callFrame
 */

/**
 * @param {readonly string[]} files of one program
 * @param {number} cpu of the main thread for each exchange, microseconds: samples are taken by the wall clock, and the
 *   machine has others to serve, so they give shares only
 * @param {number} top
 * @returns {string}
 */
export function renderProfile(files, cpu, top = 30) {
  /** @type {Map<string, number>} */
  const functions = new Map()
  /** @type {Map<string, number>} */
  const totals = new Map()
  /** @type {Map<string, number>} */
  const modules = new Map()
  for (const file of files) {
    /** @type {{ nodes: ProfileNode[], samples: number[], timeDeltas: number[] }} */
    const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8'))
    const byId = new Map(nodes.map((node) => [node.id, node]))
    /** @type {Map<number, ProfileNode>} */
    const parents = new Map()
    for (const node of nodes) for (const child of node.children ?? []) parents.set(child, node)
    const isInspector = (/** @type {number} */ id) => parents.get(id)?.callFrame.url === 'node:inspector'
    samples.forEach((id, index) => {
      const node = byId.get(id)
      if (node === undefined || node.callFrame.functionName === '(idle)' || isInspector(id)) return
      const micros = timeDeltas[index] ?? 0
      const { functionName, url, lineNumber } = node.callFrame
      const place = placeOf(node.callFrame)
      // A function of V8 or of the binding is told by who called it.
      const caller = url === '' ? parents.get(id)?.callFrame : undefined
      const by =
        caller === undefined || caller.functionName === '(root)' ? '' : `< ${caller.functionName} ${placeOf(caller)}`
      add(
        functions,
        `${functionName || '(anonymous)'} ${url === '' ? by : `${place}:${String(lineNumber + 1)}`}`,
        micros,
      )
      for (const name of ourFramesOf(node, parents)) add(totals, name, micros)
      add(modules, place === '' ? functionName : moduleOf(place), micros)
    })
  }
  const busy = [...functions.values()].reduce((sum, micros) => sum + micros, 0)
  const table = (/** @type {Map<string, number>} */ times) =>
    align(
      [...times]
        .sort((a, b) => b[1] - a[1])
        .slice(0, top)
        .map(([name, micros]) => [
          name,
          `${((100 * micros) / busy).toFixed(1)} %`,
          `${((cpu * micros) / busy).toFixed(1)} µs`,
        ]),
    )
  return [
    `main thread: ${cpu.toFixed(0)} µs of CPU each`,
    '',
    'by function (self time, share of busy time, each exchange)',
    table(functions),
    '',
    'of ours, with all that they call (async calls count where they go on)',
    table(totals),
    '',
    'by module',
    table(modules),
    '',
  ].join('\n')
}

/**
 * @param {ProfileNode} node
 * @param {ReadonlyMap<number, ProfileNode>} parents
 * @returns {ReadonlySet<string>} each once, however often it calls itself
 */
function ourFramesOf(node, parents) {
  const names = new Set()
  for (let at = /** @type {ProfileNode | undefined} */ (node); at !== undefined; at = parents.get(at.id)) {
    const { functionName, url, lineNumber } = at.callFrame
    const place = placeOf({ url })
    if (place.startsWith('dist/')) names.add(`${functionName || '(anonymous)'} ${place}:${String(lineNumber + 1)}`)
  }
  return names
}

/** @param {{ url: string }} frame */
const placeOf = ({ url }) => url.replace(/^file:\/\/.*?\/(dist|node_modules)\//, '$1/').replace(/^node:/, 'node:')

/** A package counts as one; of ours, each folder of `dist`. */
function moduleOf(/** @type {string} */ place) {
  const found = /^node_modules\/(@[^/]+\/[^/]+|[^/]+)/.exec(place)
  if (found?.[1] !== undefined) return found[1]
  return place
}

/**
 * @param {Map<string, number>} sums
 * @param {string} name
 * @param {number} value
 */
function add(sums, name, value) {
  sums.set(name, (sums.get(name) ?? 0) + value)
}
