// @ts-check
// What must hold after a death, asked of the broker that came back.
import { parseCrl } from '../../../dist/x509/crl.js'
import { fromPem } from '../../../dist/x509/pem.js'
import { exchangeForm } from '../kit/configuration.mjs'
import { sleep } from '../kit/processes.mjs'
import { isCertificate, saidBy, tokensIn } from './credentials.mjs'
import { assertionFor } from './load.mjs'

/** @typedef {import('./world.mjs').World} World */
/** @typedef {import('./trail.mjs').Trail} Trail */
/** @typedef {import('./load.mjs').Attempt} Attempt */
/** @typedef {import('./load.mjs').Completion} Completion */

/**
 * @typedef {object} Life what one broker left behind
 * @property {readonly Attempt[]} attempts
 * @property {readonly Completion[]} completions
 * @property {ReadonlySet<string>} sent credentials
 * @property {ReadonlySet<string>} confirmed
 * @property {ReadonlyMap<string, string>} tokens signed, by credential, whether they left or not
 */

/**
 * @param {Pick<Life, 'attempts' | 'completions'>} load
 * @param {readonly { step: string, detail: string }[]} marks
 * @returns {Life}
 */
export function lifeOf({ attempts, completions }, marks) {
  const idsOf = (/** @type {string} */ step) =>
    new Set(marks.flatMap((mark) => (mark.step === step ? [mark.detail] : [])))
  const tokens = tokensIn(marks)
  return { attempts, completions, sent: idsOf('sent'), confirmed: confirmedInTime(marks), tokens }
}

/**
 * Where the clock was turned under the load, the time to confirm had run out for what was recorded before: the sweeper may
 * have come first.
 * @param {readonly { step: string, detail: string }[]} marks
 */
function confirmedInTime(marks) {
  /** @type {Set<string>} */
  const confirmed = new Set()
  /** @type {Set<string>} */
  const recorded = new Set()
  /** @type {Set<string>} */
  let late = new Set()
  for (const { step, detail } of marks) {
    if (step === 'turned') late = new Set(recorded)
    else if (step === 'recording') recorded.add(detail)
    else if (step === 'confirmed' && !late.has(detail)) confirmed.add(detail)
  }
  return confirmed
}

const SWEPT_WITHIN_MS = 60_000

/**
 * Everything that the lives left unsettled is due by now: the sweeper has it, or gets it.
 * @param {World} world
 * @param {Trail} trail
 * @param {readonly Life[]} lives
 * @returns {Promise<string[]>} what does not hold
 */
export async function auditLives(world, trail, lives) {
  const faults = []
  await trail.read(world)
  const all = merged(lives)
  // Whatever was recorded and never sent: voided by the sweeper, in its own time.
  const unsent = [...trail.issued.keys()].filter((id) => all.known.has(id) && !all.sent.has(id))
  const deadline = performance.now() + SWEPT_WITHIN_MS
  while (unsent.some((id) => !trail.voided.has(id)) && performance.now() < deadline) {
    await sleep(100)
    await trail.read(world)
  }
  for (const id of unsent) if (!trail.voided.has(id)) faults.push(`never sent, and not voided: ${id}`)
  for (const id of all.confirmed) if (trail.voided.has(id)) faults.push(`confirmed, and yet voided: ${id}`)

  for (const [id, token] of all.tokens) faults.push(...(await tokenFaults(world, trail, all, id, token)))
  for (const [assertion, uses] of trail.uses)
    if (uses > 1) faults.push(`used ${String(uses)} times: assertion ${assertion}`)
  for (const life of lives) {
    for (const { issuedTimes, run } of life.attempts) {
      if (issuedTimes > 1) faults.push(`the assertion of run ${run} was answered ${String(issuedTimes)} times`)
    }
    faults.push(...(await repetitionFaults(world, trail, life)), ...(await completionFaults(world, life)))
  }
  await trail.read(world)
  faults.push(...trail.faults.splice(0))
  return faults
}

/** @param {readonly Life[]} lives */
function merged(lives) {
  const tokens = new Map(lives.flatMap((life) => [...life.tokens]))
  const ended = new Set(
    lives.flatMap(({ completions }) =>
      completions.filter(({ outcome }) => outcome !== 'refused').map(({ attempt }) => attempt.taskId),
    ),
  )
  return {
    tokens,
    sent: new Set(lives.flatMap((life) => [...life.sent])),
    confirmed: new Set(lives.flatMap((life) => [...life.confirmed])),
    /** Credentials of these lives: what was recorded but never signed is not known here, and is nobody's to use. */
    known: tokens,
    /** Tasks that somebody has ended, or tried to. */
    ended,
  }
}

/**
 * No credential works that has no evidence, none that was voided; one that was confirmed works until its time is over.
 * @param {World} world
 * @param {Trail} trail
 * @param {ReturnType<typeof merged>} all
 * @param {string} id
 * @param {string} token
 */
async function tokenFaults(world, trail, all, id, token) {
  const issued = trail.issued.get(id)
  if (issued === undefined) return [`signed without evidence: ${id}`]
  const active = await world.isActive(token)
  if (active && trail.voided.has(id)) return [`voided, and active: ${id}`]
  if (active && !all.sent.has(id)) return [`never sent, and active: ${id}`]
  const task = String(issued.task_id)
  const isOver = saidBy(token).expiresAt <= world.now() || all.ended.has(task)
  const lapsed = trail.endedTasks.has(task)
  if (!active && !isOver && !lapsed && all.confirmed.has(id)) return [`confirmed, in time, and not active: ${id}`]
  return []
}

/**
 * What was shown when the broker died, shown again: it serves if, and only if, it has not served.
 * @param {World} world
 * @param {Trail} trail
 * @param {Life} life
 */
async function repetitionFaults(world, trail, { attempts }) {
  const faults = []
  const usedRuns = new Set([...trail.opened.values()].map((event) => String(event.data['sealed']?.run_id)))
  for (const attempt of attempts.filter(({ outcome, window }) => outcome === 'unknown' && window === undefined)) {
    const wasUsed = usedRuns.has(attempt.run)
    const { status } = await post(world, attempt.form)
    if (wasUsed && status !== 400)
      faults.push(`used before the death, and answered ${String(status)} after it: run ${attempt.run}`)
    if (!wasUsed && status !== 200)
      faults.push(`not used before the death, and answered ${String(status)} after it: run ${attempt.run}`)
  }
  return faults
}

/**
 * After an end was acknowledged, its run is refused and its credential dead; a certificate is on the revocation list.
 * @param {World} world
 * @param {Life} life
 */
async function completionFaults(world, { completions }) {
  const faults = []
  const revoked = await revokedSerials(world)
  for (const { attempt, outcome } of completions) {
    if (outcome !== 'acknowledged') continue
    if (isCertificate(attempt.token)) {
      const { id, expiresAt } = saidBy(attempt.token)
      if (expiresAt > world.now() && !revoked.has(id)) faults.push(`completed, and on no revocation list: ${id}`)
    }
    if (await world.isActive(attempt.token)) faults.push(`completed, and active: task ${attempt.taskId}`)
    const { status, error } = await post(world, exchangeForm(assertionFor(world, attempt.run, attempt.repository)))
    if (status !== 400 || error !== 'access_denied')
      faults.push(`completed, and answered ${String(status)} ${error}: run ${attempt.run}`)
  }
  return faults
}

/**
 * The certificates on any list of the broker, as credentials.
 * @param {World} world
 */
async function revokedSerials(world) {
  const response = await fetch(`${world.broker.url}/crl`)
  const lists = fromPem('X509 CRL', await response.text()) ?? []
  const serials = lists.flatMap((der) => {
    const parsed = parseCrl(der)
    return parsed.ok ? [...parsed.value.revoked.keys()] : []
  })
  return new Set(serials.map((serial) => `cr_${serial}`))
}

/**
 * @param {World} world
 * @param {string} form
 */
async function post(world, form) {
  const response = await fetch(`${world.broker.url}/token`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: form,
  })
  const body = JSON.parse(await response.text())
  return { status: response.status, error: String(body.error ?? '') }
}

/**
 * A window takes as many tasks as people approved, however often the broker died over it.
 * @param {Trail} trail
 * @param {ReadonlyMap<string, number>} windows most tasks, by grant
 */
export function capFaults(trail, windows) {
  const faults = []
  /** @type {Map<string, number>} */
  const opened = new Map()
  for (const { grant_id: grant } of trail.opened.values()) opened.set(grant ?? '', (opened.get(grant ?? '') ?? 0) + 1)
  for (const [grant, count] of opened) {
    const most = windows.get(grant) ?? 1
    if (count > most) faults.push(`${String(count)} tasks under ${grant}, which is for ${String(most)}`)
  }
  return faults
}

/**
 * Long after everything's time: nothing is left open.
 * @param {World} world
 * @param {Trail} trail
 * @returns {Promise<string[]>}
 */
export async function leftOvers(world, trail) {
  const open = () => [
    ...[...trail.opened.keys()].filter((id) => !trail.endedTasks.has(id) && !isOfEndedGrant(trail, id)),
    ...[...trail.activeGrants].filter((id) => !trail.endedGrants.has(id)),
  ]
  await trail.read(world)
  const deadline = performance.now() + 6 * SWEPT_WITHIN_MS
  while (open().length > 0 && performance.now() < deadline) {
    await sleep(250)
    await trail.read(world)
  }
  return open().map((id) => `never ended: ${id}`)
}

const isOfEndedGrant = (/** @type {Trail} */ trail, /** @type {string} */ task) =>
  trail.endedGrants.has(trail.opened.get(task)?.grant_id ?? '')
