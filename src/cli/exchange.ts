import { setTimeout as sleep } from 'node:timers/promises'
import { CLIENT_ASSERTION_TYPE, GRANT_TYPE, TOKEN_TYPE } from '../oauth/urns.js'
import { refusalOf, type Api, type ApiAnswer } from './api.js'
import type { AssertionSource } from './assertion.js'
import { CommandError } from './command-error.js'
import { EXIT } from './exit-codes.js'
import { duration } from './text.js'
import { isDeferredAnswer, isJson, parseTokenAnswer, type DeferredAnswer, type TokenAnswer } from './wire.js'

/** What a workload asks for at `POST /token`. */
export interface Wanted {
  readonly audience: string
  readonly scope?: string | undefined
  /** JSON text. */
  readonly authorizationDetails?: string | undefined
  readonly purpose?: string | undefined
  /** Seconds. */
  readonly lifetime?: number | undefined
  readonly task?: string | undefined
  readonly grantId?: string | undefined
  /** PEM: a certificate for its key, in place of a JWT. */
  readonly csr?: string | undefined
}

export interface ExchangeDeps {
  readonly api: Api
  readonly assertion: AssertionSource
  /** The API proves a key with each request: then that alone is what a poll proves again, and no assertion is needed for it. */
  readonly isKeyed?: boolean
  readonly nowMs: () => number
  /** Lines for people who watch. */
  readonly progress: (text: string) => void
}

/**
 * Exchanges, and where people have to decide waits for `wait` seconds (`undefined`: does not ask them).
 * @throws CommandError `refused`; `pending` when the time is over and nobody has decided; `unavailable`
 */
export async function exchange(deps: ExchangeDeps, wanted: Wanted, wait?: number): Promise<TokenAnswer> {
  const until = deps.nowMs() + (wait ?? 0) * 1000
  const answer = await requestExchange(deps.api, await deps.assertion(), wanted, {
    deferred: wait !== undefined,
    isKeyed: deps.isKeyed === true,
  })
  if (answer.status === 200) return parseTokenAnswer(answer.body)
  if (!isDeferredAnswer(answer.body)) throw refusalOf(answer)
  deps.progress(`people have been asked; anybody who may decide: errand grants approve ${answer.body.grant_id}`)
  return waitFor(deps, answer.body, until)
}

/** RFC 8693 §2.1. To be deferred without a key, the client authenticates too: by the same assertion, so that a poll can prove it again. */
export const requestExchange = (
  api: Api,
  assertion: string,
  wanted: Wanted,
  { deferred, isKeyed = false }: { readonly deferred: boolean; readonly isKeyed?: boolean },
): Promise<ApiAnswer> =>
  api.send({
    method: 'POST',
    path: '/token',
    form: {
      grant_type: GRANT_TYPE.tokenExchange,
      subject_token: assertion,
      subject_token_type: TOKEN_TYPE.jwt,
      ...(deferred ? { completion_mode: 'deferred' } : {}),
      ...(deferred && !isKeyed ? clientAssertion(assertion) : {}),
      audience: wanted.audience,
      scope: wanted.scope,
      authorization_details: wanted.authorizationDetails,
      purpose: wanted.purpose,
      lifetime: wanted.lifetime?.toString(),
      task: wanted.task,
      grant_id: wanted.grantId,
      ...(wanted.csr === undefined ? {} : { requested_token_type: TOKEN_TYPE.x509Certificate, csr: wanted.csr }),
    },
  })

const clientAssertion = (assertion: string) => ({
  client_assertion: assertion,
  client_assertion_type: CLIENT_ASSERTION_TYPE,
})

/** Deferred Token Response, "Polling". Without an assertion, the API proves the key of the first request. */
export const pollDeferral = (api: Api, assertion: string | undefined, code: string): Promise<ApiAnswer> =>
  api.send({
    method: 'POST',
    path: '/token',
    form: {
      grant_type: GRANT_TYPE.deferred,
      deferral_code: code,
      ...(assertion === undefined ? {} : clientAssertion(assertion)),
    },
  })

/** RFC 8628 §3.5 */
const SLOW_DOWN_SECONDS = 5

async function waitFor(deps: ExchangeDeps, deferred: DeferredAnswer, until: number): Promise<TokenAnswer> {
  let interval = deferred.interval
  for (;;) {
    const leftMs = until - deps.nowMs()
    if (leftMs <= 0) throw stillPending(deferred)
    await sleep(Math.min(interval * 1000, leftMs))
    const answer = await pollOnce(deps, deferred.deferral_code)
    if (answer.status === 200) return parseTokenAnswer(answer.body)
    const next = nextInterval(answer, interval)
    if (next === undefined) throw finalRefusal(answer)
    interval = next
    deps.progress(`nobody has decided yet; waiting for another ${duration((until - deps.nowMs()) / 1000)}`)
  }
}

/** As if it had said so itself. */
const UNREACHABLE: ApiAnswer = { status: 503, body: undefined }

/** A broker that is restarted meanwhile has forgotten nothing: ask again. */
async function pollOnce({ api, assertion, isKeyed, progress }: ExchangeDeps, code: string): Promise<ApiAnswer> {
  const fresh = isKeyed === true ? undefined : await assertion()
  try {
    return await pollDeferral(api, fresh, code)
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode !== EXIT.unavailable) throw error
    progress(`${error.message}; trying again`)
    return UNREACHABLE
  }
}

/** Seconds until the next poll; `undefined` when the answer is final. */
function nextInterval({ status, body, retryAfter }: ApiAnswer, interval: number): number | undefined {
  if (status === 429 || status === 503) return Math.max(interval, retryAfter ?? 0)
  switch (isJson(body) ? body['error'] : undefined) {
    case 'authorization_pending':
      return interval
    case 'slow_down':
      return interval + SLOW_DOWN_SECONDS
    default:
      return undefined
  }
}

function finalRefusal(answer: ApiAnswer): CommandError {
  const refusal = refusalOf(answer)
  if (refusal.code !== 'invalid_request' && refusal.code !== 'invalid_client') return refusal
  const remedy =
    'get a fresh assertion of this run and run the same command again; --assertion-command does so by itself'
  return new CommandError(refusal.exitCode, refusal.message, remedy, refusal.code)
}

const stillPending = ({ grant_id: id }: DeferredAnswer): CommandError =>
  new CommandError(
    EXIT.pending,
    `nobody has decided on ${id} yet`,
    'run the same command again in this run: it joins the request that waits',
    'authorization_pending',
  )
