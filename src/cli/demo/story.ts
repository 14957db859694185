import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EpochSeconds } from '../../runtime/clock.js'
import { refusalOf, type ApiAnswer } from '../api.js'
import { readEvents } from '../events.js'
import type { Session } from '../session.js'
import { EVENT_COLUMNS, eventRow } from '../show-event.js'
import { showGrant } from '../show-grant.js'
import { duration, facts, table } from '../text.js'
import {
  isDeferredAnswer,
  isJson,
  parseTokenAnswer,
  type DeferredAnswer,
  type EventDocument,
  type Json,
} from '../wire.js'
import type { TokenAnswer } from '../wire.js'
import type { Approver } from './approver.js'
import type { CertificateVerdict } from './certificate-check.js'
import { AUDIENCE, SCOPE } from './config.js'
import type { ResourceServer } from './resource-server.js'
import type { Finding, Tell } from './steps.js'
import { decode, type Asked, type Workload } from './workload.js'

/** Everybody who acts. */
export interface Cast {
  /** The person at this machine, as auditor. */
  readonly auditor: Session
  readonly approver: Approver
  readonly run: Workload
  readonly nextRun: Workload
  readonly resourceServer: ResourceServer
  readonly now: () => EpochSeconds
}

/** One errand from start to end, and what it leaves behind. Each step checks what it shows. */
export async function tellStory(tell: Tell, cast: Cast): Promise<void> {
  const deferred = await tell(
    'asked',
    'A CI job asks for a credential with the token that its CI gave it; a person has to decide, so it is told to wait.',
    () => asked(cast.run),
  )
  await tell(
    'approved',
    'A person sees who, what, why and for how long, and approves exactly that: the digest names the terms.',
    () => approved(cast, deferred),
  )
  const credential = await tell(
    'issued',
    'The job asks again and gets its credential: a JWT for this audience, this scope, this task, for minutes.',
    () => issued(cast.run, deferred),
  )
  await tell('accepted', 'The resource server verifies it offline, by the broker’s public keys alone.', () =>
    accepted(cast.resourceServer, credential),
  )
  await tell(
    'introspected',
    'Before it deploys, the resource server asks the broker whether the credential is live.',
    () => introspected(cast.resourceServer, credential),
  )
  const certificate = await tell(
    'certified',
    'The same approval gives the other kind, too: an X.509 certificate, for a key that never left the job.',
    () => certified(cast, credential),
  )
  await tell('completed', 'The job says that its task is done: everything issued for it ends with it.', () =>
    completed(cast.run, credential),
  )
  await tell(
    'inactive',
    'The same credential at the same resource server, a moment later: dead before it expired.',
    () => inactive(cast, credential),
  )
  await tell('revoked', 'And the certificate: it is on the revocation list that every TLS server can fetch.', () =>
    revoked(cast.resourceServer, certificate),
  )
  await tell(
    'run-ended',
    'The same run, with a fresh assertion that was never used: refused, because its errand is over.',
    () => runEnded(cast.run),
  )
  await tell('new-run', 'Another run of the same pipeline inherits nothing: it is told to wait for a person.', () =>
    newRun(cast.nextRun, deferred),
  )
  await tell(
    'evidence',
    'All of it is on record; each event was written in the same atomic step as what it tells of.',
    () => evidence(cast, deferred),
  )
}

const PENDING = 'HTTP 400 authorization_pending with a deferral_code'

async function asked(run: Workload): Promise<Finding<DeferredAnswer>> {
  const { answer } = await run.ask()
  return pendingFinding(answer)
}

function pendingFinding(answer: ApiAnswer, more: Json = {}): Finding<DeferredAnswer> {
  const deferred = isDeferredAnswer(answer.body) ? answer.body : undefined
  const { deferral_code: _, ...shown } = deferred ?? NOTHING
  return {
    ok: answer.status === 400 && deferred !== undefined,
    expected: PENDING,
    observed: observed(answer),
    facts: { ...shown, ...more },
    text: facts([
      ['answer', observed(answer)],
      ['grant', shown.grant_id],
      ['poll every', `${shown.interval} s, for ${duration(shown.expires_in)} at most`],
    ]),
    value: deferred ?? NOTHING,
  }
}

const NOTHING: DeferredAnswer = { deferral_code: '', expires_in: 0, interval: 0, grant_id: '' }

async function approved({ approver, now }: Cast, { grant_id }: DeferredAnswer): Promise<Finding<undefined>> {
  const pending = await approver.findPending()
  const grant = await approver.approve(pending)
  const review = grant.reviews.find(({ decision }) => decision === 'approve')
  return {
    ok: pending.id === grant_id && grant.status === 'active' && review !== undefined,
    expected: `grant ${grant_id} is active, with one approval`,
    observed: `grant ${grant.id} is ${grant.status}, with ${grant.reviews.length} reviews`,
    facts: { grant_id: grant.id, status: grant.status, digest: grant.digest, by: review?.by },
    text: `${showGrant(pending, now())}\n\n$ errand grants approve ${grant.id} --yes --digest ${pending.digest.slice(0, 15)}…\napproved by ${review?.by ?? 'nobody'}: the grant is ${grant.status}`,
    value: undefined,
  }
}

async function issued(run: Workload, { deferral_code, interval }: DeferredAnswer): Promise<Finding<TokenAnswer>> {
  await sleep(interval * 1000)
  const answer = await run.poll(deferral_code)
  if (answer.status !== 200) return failed('HTTP 200 with a credential', answer, EMPTY_ANSWER)
  const credential = parseTokenAnswer(answer.body)
  const { header, claims } = decode(credential.access_token)
  return {
    ok:
      header['typ'] === 'at+jwt' &&
      claims['aud'] === AUDIENCE &&
      claims['scope'] === SCOPE &&
      credential.expires_in <= 300,
    expected: `an at+jwt for ${SCOPE} at ${AUDIENCE} that lives for 300 s at most`,
    observed: `a ${String(header['typ'])} for ${String(claims['scope'])} at ${String(claims['aud'])} that lives for ${credential.expires_in} s`,
    facts: {
      header,
      claims,
      expires_in: credential.expires_in,
      grant_id: credential.grant_id,
      task_id: credential.task_id,
    },
    text: `header  ${JSON.stringify(header)}\nclaims  ${JSON.stringify(claims, null, 2)}`,
    value: credential,
  }
}

const EMPTY_ANSWER: TokenAnswer = { access_token: '', token_type: '', expires_in: 0, grant_id: '', task_id: '' }

async function accepted(server: ResourceServer, { access_token }: TokenAnswer): Promise<Finding<undefined>> {
  const { status } = await server.status(access_token)
  return {
    ok: status === 200,
    expected: 'GET /status at the resource server: 200',
    observed: `GET /status at the resource server: ${status}`,
    facts: { status },
    text: `GET /status  ${status}  ${status === 200 ? 'signature, issuer, audience, type, expiry and scope are right' : 'refused'}`,
    value: undefined,
  }
}

async function introspected(
  server: ResourceServer,
  { access_token, grant_id }: TokenAnswer,
): Promise<Finding<undefined>> {
  const { status, introspection } = await deployWith(server, access_token)
  const active = introspection['active'] === true
  return {
    ok: status === 200 && active && introspection['grant_id'] === grant_id,
    expected: 'POST /deploy: 200, introspection says active, of this grant',
    observed: `POST /deploy: ${status}, introspection says ${active ? 'active' : 'inactive'}`,
    facts: { status, active, introspection },
    text: `POST /deploy  ${status}  introspection: ${active ? 'active' : 'inactive'}, task ${String(introspection['task_id'])}`,
    value: undefined,
  }
}

async function certified({ run, resourceServer }: Cast, { grant_id, task_id }: TokenAnswer): Promise<Finding<string>> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const answer = await run.certify(privateKey)
  if (answer.status !== 200) return failed('HTTP 200 with a certificate', answer, '')
  const issued = parseTokenAnswer(answer.body)
  const leaf = new X509Certificate(issued.access_token)
  const verdict = await resourceServer.connect(issued.access_token)
  const same = issued.grant_id === grant_id && issued.task_id === task_id
  const expected = 'a certificate for its key, of the same grant and task, accepted by the broker’s authorities'
  return {
    ok: leaf.checkPrivateKey(privateKey) && same && verdict === 'accepted',
    expected,
    observed: same ? expected.replace('accepted', verdict) : 'a certificate of another grant or task',
    facts: { serial: leaf.serialNumber, names: leaf.subjectAltName, expires_in: issued.expires_in, verdict },
    text: facts([
      ['serial', leaf.serialNumber],
      ['names', leaf.subjectAltName],
      ['signed by', leaf.issuer.replaceAll('\n', ', ')],
      ['valid until', leaf.validTo],
      ['verified', VERDICTS[verdict]],
    ]),
    value: issued.access_token,
  }
}

const VERDICTS: Readonly<Record<CertificateVerdict, string>> = {
  accepted: 'accepted: chain, purpose and time are right, and no revocation list names it',
  revoked: 'refused: the revocation list names it',
  refused: 'refused',
}

async function revoked(server: ResourceServer, chain: string): Promise<Finding<undefined>> {
  const verdict = await server.connect(chain)
  return {
    ok: verdict === 'revoked',
    expected: 'a TLS client with this certificate is refused: revoked',
    observed: `a TLS client with this certificate is ${verdict === 'revoked' ? 'refused: revoked' : verdict}`,
    facts: { verdict },
    text: facts([['verified', VERDICTS[verdict]]]),
    value: undefined,
  }
}

async function completed(run: Workload, { task_id }: TokenAnswer): Promise<Finding<undefined>> {
  const task = await run.complete(task_id)
  const status = isJson(task) ? task['status'] : undefined
  return {
    ok: status === 'completed',
    expected: `task ${task_id} is completed`,
    observed: `task ${task_id} is ${String(status)}`,
    facts: { task_id, status },
    text: `task ${task_id} is ${String(status)}`,
    value: undefined,
  }
}

async function inactive({ resourceServer, now }: Cast, { access_token }: TokenAnswer): Promise<Finding<undefined>> {
  const { status, introspection, genuine } = await deployWith(resourceServer, access_token)
  const active = introspection['active'] === true
  const left = Number(decode(access_token).claims['exp']) - now()
  return {
    ok: status === 401 && introspection['active'] === false && genuine && left > 0,
    expected: 'POST /deploy: 401, introspection says inactive, although the signature is right and it has not expired',
    observed: `POST /deploy: ${status}, introspection says ${active ? 'active' : 'inactive'}, ${duration(left)} before its expiry`,
    facts: { status, active, seconds_to_expiry: left },
    text: `POST /deploy  ${status}  introspection: ${active ? 'active' : 'inactive'}, ${duration(left)} before it would have expired`,
    value: undefined,
  }
}

const RUN_ENDED = 'the run has ended'

async function runEnded(run: Workload): Promise<Finding<undefined>> {
  const { answer, fresh } = await run.ask()
  const body = isJson(answer.body) ? answer.body : {}
  return {
    ok: fresh && body['error'] === 'access_denied' && body['error_description'] === RUN_ENDED,
    expected: `HTTP 400 access_denied: ${RUN_ENDED}`,
    observed: observed(answer),
    facts: { error: body['error'], error_description: body['error_description'], fresh_assertion: fresh },
    text: facts([['answer', observed(answer)]]),
    value: undefined,
  }
}

async function newRun(run: Workload, before: DeferredAnswer): Promise<Finding<undefined>> {
  const { answer, fresh }: Asked = await run.ask()
  const found = pendingFinding(answer, { fresh_assertion: fresh })
  return {
    ...found,
    ok: found.ok && found.value.grant_id !== before.grant_id,
    expected: `${PENDING}, and a grant of its own`,
    value: undefined,
  }
}

/** What must be on record of the grant, in this order. */
const STORY = [
  'grant.requested',
  'review.recorded',
  'grant.activated',
  'task.opened',
  'credential.issued',
  'credential.issued',
  'task.completed',
  'grant.completed',
]

async function evidence({ auditor }: Cast, { grant_id }: DeferredAnswer): Promise<Finding<undefined>> {
  const { elements: events } = await readEvents(auditor.api(), auditor.personToken(), {})
  const mine = events.filter((event) => event['grant_id'] === grant_id).map(({ type }) => type)
  const refused = events.some((event) => event.type === 'exchange.refused' && reasonOf(event) === 'run_ended')
  const missing = [...missingInOrder(STORY, mine), ...(refused ? [] : ['exchange.refused: run_ended'])]
  return {
    ok: missing.length === 0,
    expected: `${STORY.join(', ')}, and exchange.refused: run_ended`,
    observed:
      missing.length === 0 ? 'all of them, in this order' : `${mine.join(', ')}; missing: ${missing.join(', ')}`,
    facts: { events },
    text: table([EVENT_COLUMNS, ...events.map(eventRow)]),
    value: undefined,
  }
}

/** Those of `expected` that do not follow one another in `found`. */
export function missingInOrder(expected: readonly string[], found: readonly string[]): readonly string[] {
  let from = 0
  return expected.filter((wanted) => {
    const at = found.indexOf(wanted, from)
    if (at >= 0) from = at + 1
    return at < 0
  })
}

function reasonOf({ data }: EventDocument): unknown {
  return isJson(data) ? data['reason'] : undefined
}

interface Deployed {
  readonly status: number
  readonly introspection: Json
  readonly genuine: boolean
}

async function deployWith(server: ResourceServer, token: string): Promise<Deployed> {
  const { status, body } = await server.deploy(token)
  const answer = isJson(body) ? body : {}
  const { introspection } = answer
  return { status, introspection: isJson(introspection) ? introspection : {}, genuine: answer['genuine'] === true }
}

const observed = (answer: ApiAnswer): string =>
  answer.status === 200 ? 'HTTP 200 with a credential' : `HTTP ${answer.status} ${refusalOf(answer).message}`

const failed = <T>(expected: string, answer: ApiAnswer, value: T): Finding<T> => ({
  ok: false,
  expected,
  observed: observed(answer),
  facts: {},
  text: observed(answer),
  value,
})
