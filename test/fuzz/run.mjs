// @ts-check
// Spoilt DER, requests, certificates, paths and CRLs: bit flips, truncations, lying lengths, deep nesting, parts of one in
// another, and requests that are signed again after they were spoilt. Nothing may crash; no input may cost more elements
// than its bytes allow, which is counted and not timed; nothing is certified or valid that its key did not sign.
//
//   npm run fuzz -- [--inputs N] [--seed N] [--from N] [--json]
import { randomInt } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { createTargets } from './parts/targets.mjs'

/**
 * @typedef {object} FuzzReport
 * @property {number} seed
 * @property {number} inputs
 * @property {number} kinds of damage that were done
 * @property {Readonly<Record<string, number>>} accepted by target
 * @property {number} mostSteps elements that were read for one input
 * @property {number} mostStepsForEachByte
 * @property {readonly string[]} faults
 */

/** Keys are of the run, the damage is of the seed: what a fault prints is the input itself. */
const MAX_FAULTS = 20
const MAX_SHOWN = 8000
/** Two bytes at least for each element, one of which may be cut off. */
const BYTES_OF_AN_ELEMENT = 2

/**
 * @param {{ inputs: number, seed: number, from?: number, onProgress?: (done: number) => void }} options
 * @returns {FuzzReport}
 */
export function runFuzz({ inputs, seed, from = 0, onProgress = () => undefined }) {
  const { inputOf, targets, steps, genuineBytes } = createTargets(Math.floor(Date.now() / 1000))
  /** @type {string[]} */
  const faults = []
  const accepted = Object.fromEntries(Object.keys(targets).map((name) => [name, 0]))
  const damage = new Set()
  let [mostSteps, mostStepsForEachByte, done] = [0, 0, 0]
  for (; done < inputs && faults.length < MAX_FAULTS; done++) {
    const input = inputOf(seed, from + done)
    damage.add(input.name)
    for (const [name, target] of Object.entries(targets)) {
      steps.take()
      const outcome = attempt(() => target(input))
      // A certificate that is made is written by forge, too: that is counted with what was read, and bounded.
      const taken = steps.take()
      const limit = (outcome.reads * (input.der.length + genuineBytes)) / BYTES_OF_AN_ELEMENT + 200
      const fault = outcome.fault ?? (taken > limit ? `${String(taken)} steps, over ${String(limit)}` : undefined)
      if (outcome.accepted) accepted[name] = (accepted[name] ?? 0) + 1
      mostSteps = Math.max(mostSteps, taken)
      mostStepsForEachByte = Math.max(mostStepsForEachByte, input.der.length > 500 ? taken / input.der.length : 0)
      if (fault !== undefined)
        faults.push(
          `input ${String(from + done)} (${input.name}), ${name}: ${fault}\n  ${input.der.toString('base64').slice(0, MAX_SHOWN)}`,
        )
    }
    if ((done + 1) % 10_000 === 0) onProgress(done + 1)
  }
  return { seed, inputs: done, kinds: damage.size, accepted, mostSteps, mostStepsForEachByte, faults }
}

/**
 * @param {() => { accepted: boolean, fault?: string | undefined, reads: number }} act
 * @returns {{ accepted: boolean, fault?: string | undefined, reads: number }}
 */
function attempt(act) {
  try {
    return act()
  } catch (error) {
    return { accepted: false, reads: 0, fault: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

function main() {
  const { values } = parseArgs({
    options: {
      inputs: { type: 'string', default: '100000' },
      seed: { type: 'string' },
      from: { type: 'string', default: '0' },
      json: { type: 'boolean', default: false },
    },
  })
  const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
  process.stderr.write(`seed ${String(seed)}\n`)
  const report = runFuzz({
    inputs: Number(values.inputs),
    seed,
    from: Number(values.from),
    onProgress: (done) => process.stderr.write(`${String(done)} inputs\n`),
  })
  process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : textOf(report))
  process.exitCode = report.faults.length === 0 ? 0 : 1
}

/** @param {FuzzReport} report */
function textOf({ seed, inputs, kinds, accepted, mostSteps, mostStepsForEachByte, faults }) {
  const passed = Object.entries(accepted).map(([name, count]) => `  ${name.padEnd(20)} ${String(count)} accepted`)
  const work = `at most ${String(mostSteps)} elements for one input, ${mostStepsForEachByte.toFixed(2)} for each byte`
  const wrong = faults.map((fault) => `WRONG  ${fault}`)
  return [
    `${String(inputs)} inputs of ${String(kinds)} kinds, seed ${String(seed)}`,
    ...passed,
    work,
    ...wrong,
    '',
  ].join('\n')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main()
