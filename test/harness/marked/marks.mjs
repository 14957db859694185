// @ts-check
// The marks of a broker: one line for each step that it has taken, in a file that outlives it. And its death: at the mark
// that the harness named, by a signal that no program can handle.
import { openSync, writeSync } from 'node:fs'

/**
 * `received`: an assertion is about to be verified. `recording`: the store was asked to record. `recorded`: it has.
 * `signed`: with the token. `sent`: all of the answer was handed to the system. `confirmed`: the store knows.
 * `taken`: the sweeper was handed deadlines. `voided`, `lapsed`, `expired`: it has dealt with one.
 * @typedef {'received' | 'recording' | 'recorded' | 'signed' | 'sent' | 'confirmed' | 'taken' | 'voided' | 'lapsed'
 *   | 'expired'} Step
 */

/** @typedef {{ kill: { step: Step, after: number } } | { advance: number }} Order */

const file = openSync(process.env['MARKS'] ?? '/dev/null', 'a')
/** @type {{ step: Step, after: number } | undefined} */
let death
let offsetSeconds = Number(process.env['CLOCK_OFFSET'] ?? '0')

/**
 * @param {Step} step
 * @param {string} [detail]
 */
export function mark(step, detail = '') {
  writeSync(file, `${step} ${detail}\n`)
  if (death?.step !== step) return
  death.after -= 1
  if (death.after <= 0) process.kill(process.pid, 'SIGKILL')
}

/** How far the broker's clock is ahead of the machine's. */
export const clockOffset = () => offsetSeconds

process.on('message', (/** @type {Order} */ order) => {
  if ('kill' in order) death = { ...order.kill }
  else {
    offsetSeconds += order.advance
    // No step: from here on the broker's clock is further ahead.
    writeSync(file, 'turned \n')
  }
})
// The harness listens: that alone is no reason to stay.
process.channel?.unref()
