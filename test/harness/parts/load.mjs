// @ts-check
// Clients that ask without a pause until the broker is gone, and remember what each of them was told.
import { generateKeyPairSync, randomBytes, randomInt } from 'node:crypto'
import { buildCsr } from '../../../dist/x509/build-csr.js'
import { assertionClaims, exchangeForm, REPOSITORIES } from '../kit/configuration.mjs'
import { bodyOf, connect, requestBytes } from '../kit/http-connection.mjs'

/**
 * @typedef {object} Attempt one assertion that was shown to the broker
 * @property {string} run
 * @property {string} repository
 * @property {string} form
 * @property {'waiting' | 'issued' | 'refused' | 'unavailable' | 'unknown'} outcome `unknown`: the broker died before it
 *   answered. `unavailable`: 503
 * @property {number} issuedTimes
 * @property {string} token of the answer
 * @property {string} taskId
 * @property {string} said the error, when refused
 * @property {string | undefined} window the grant that it named
 */

/** @typedef {{ attempt: Attempt, outcome: 'waiting' | 'acknowledged' | 'refused' | 'unknown' }} Completion */

/**
 * @typedef {object} Load
 * @property {readonly Attempt[]} attempts
 * @property {readonly Completion[]} completions
 * @property {() => number} inFlight how many wait for an answer now
 * @property {() => number} unanswered how many were sent, and the connection broke before the answer
 * @property {Promise<void>} over all connections are closed
 * @property {() => void} finish after the answers that are due
 * @property {readonly string[]} faults
 */

/**
 * @param {import('./world.mjs').World} world
 * @param {{ connections: number, window?: string, persistent?: boolean }} options `window`: a standing grant that some of
 *   them name. `persistent`: a connection that breaks is opened again
 * @returns {Load}
 */
export function startLoad(world, { connections, window, persistent = false }) {
  /** @type {Attempt[]} */
  const attempts = []
  /** @type {Completion[]} */
  const completions = []
  /** @type {string[]} */
  const faults = []
  let [waiting, broken] = [0, 0]
  let finishing = false

  const send = async (
    /** @type {import('../kit/http-connection.mjs').Connection} */ connection,
    /** @type {Buffer} */ bytes,
  ) => {
    waiting += 1
    try {
      return await connection.send(bytes)
    } catch (error) {
      broken += 1
      throw error
    } finally {
      waiting -= 1
    }
  }

  const exchange = async (
    /** @type {import('../kit/http-connection.mjs').Connection} */ connection,
    /** @type {Attempt} */ attempt,
  ) => {
    try {
      const answer = await send(connection, requestBytes('POST', `${world.broker.url}/token`, attempt.form))
      noteAnswer(attempt, answer, faults)
    } catch (error) {
      if (attempt.outcome !== 'issued') attempt.outcome = 'unknown'
      throw error
    }
  }

  const complete = async (
    /** @type {import('../kit/http-connection.mjs').Connection} */ connection,
    /** @type {Attempt} */ attempt,
  ) => {
    /** @type {Completion} */
    const completion = { attempt, outcome: 'waiting' }
    completions.push(completion)
    try {
      const { status } = await send(connection, completionBytes(world, attempt))
      completion.outcome = status === 200 ? 'acknowledged' : 'refused'
    } catch (error) {
      completion.outcome = 'unknown'
      throw error
    }
  }

  const drive = async () => {
    const connection = await connect(world.broker.url)
    /** @type {Attempt | undefined} */
    let own
    let isFirst = true
    try {
      while (!finishing) {
        const dice = randomInt(100)
        const others = attempts.at(-1 - randomInt(connections))
        if (dice < 10 && own?.outcome === 'issued') {
          await complete(connection, own)
          own = undefined
        } else if (!isFirst && dice < 25 && others !== undefined && others.outcome !== 'unknown') {
          // Shown again, perhaps while the first one is under way: at most one of them gets a credential.
          await exchange(connection, others)
        } else {
          // All at once in the beginning: more than the window has places for.
          own = newAttempt(world, isFirst || dice < 40 ? window : undefined)
          isFirst = false
          attempts.push(own)
          await exchange(connection, own)
        }
      }
    } finally {
      connection.close()
    }
  }

  const driveOn = async () => {
    while (!finishing) {
      try {
        await drive()
      } catch {
        if (!persistent) return
      }
    }
  }
  return {
    attempts,
    completions,
    faults,
    inFlight: () => waiting,
    unanswered: () => broken,
    over: Promise.all(Array.from({ length: connections }, driveOn)).then(() => undefined),
    finish: () => {
      finishing = true
    },
  }
}

/**
 * @param {Attempt} attempt
 * @param {import('../kit/http-connection.mjs').Answer} answer
 * @param {string[]} faults
 */
function noteAnswer(attempt, answer, faults) {
  const body = bodyOf(answer)
  if (answer.status === 200) {
    attempt.outcome = 'issued'
    attempt.issuedTimes += 1
    attempt.token = String(body['access_token'])
    attempt.taskId = String(body['task_id'])
    return
  }
  if (answer.status === 503) {
    if (!/\r\nretry-after: *\d+\r\n/i.test(answer.bytes.toString('latin1', 0, answer.bodyAt)))
      faults.push('503 without Retry-After')
    if (attempt.outcome === 'waiting') attempt.outcome = 'unavailable'
    return
  }
  if (answer.status !== 400) faults.push(`an answer of ${String(answer.status)}: ${JSON.stringify(body)}`)
  if (attempt.outcome === 'waiting') {
    attempt.outcome = 'refused'
    attempt.said = String(body['error'])
  }
}

/**
 * @param {import('./world.mjs').World} world
 * @param {string | undefined} window
 * @returns {Attempt}
 */
function newAttempt(world, window) {
  const run = randomBytes(9).toString('base64url')
  const repository =
    window === undefined ? (REPOSITORIES[1 + randomInt(REPOSITORIES.length - 1)] ?? '') : WINDOW_REPOSITORY
  return {
    run,
    repository,
    form: formFor(world, run, repository, window),
    outcome: 'waiting',
    issuedTimes: 0,
    token: '',
    taskId: '',
    said: '',
    window,
  }
}

/** One key for all: what is asked for differs, not how. */
const CSR = buildCsr(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)

/** The repository that standing windows are for: no others of it ask. */
export const WINDOW_REPOSITORY = REPOSITORIES[0] ?? ''

/**
 * @param {import('./world.mjs').World} world
 * @param {string} run
 * @param {string} repository
 * @param {string} [window]
 */
export function formFor(world, run, repository, window) {
  const form = new URLSearchParams(exchangeForm(assertionFor(world, run, repository)))
  if (window !== undefined) {
    form.set('grant_id', window)
    form.set('scope', 'deploy:production')
  }
  // Some ask for certificates: their ends are to be found on the revocation list.
  if (randomInt(3) === 0) {
    form.set('requested_token_type', 'urn:errand:token-type:x509-certificate')
    form.set('csr', CSR)
  }
  // Some leases lapse soon, some credentials live on through many deaths.
  if (randomInt(2) === 0) form.set('lifetime', '40')
  return form.toString()
}

/**
 * @param {import('./world.mjs').World} world
 * @param {string} run
 * @param {string} repository
 */
export const assertionFor = (world, run, repository) =>
  world.ci.token(assertionClaims(world.broker.url, { repository, run, now: world.now() }))

/**
 * @param {import('./world.mjs').World} world
 * @param {Attempt} attempt
 */
const completionBytes = (world, { taskId, run, repository }) =>
  requestBytes('POST', `${world.broker.url}/tasks/${taskId}/complete`, '{}', {
    'Content-Type': 'application/json',
    Authorization: `Bearer ${assertionFor(world, run, repository)}`,
  })
