import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../runtime/clock.js'
import type { Log } from '../runtime/log.js'
import type { Metrics } from '../runtime/metrics.js'
import { createRateLimit, type RateLimit } from '../runtime/rate-limit.js'
import { monotonicMs } from '../runtime/stopwatch.js'
import { addressKey, isLoopback } from './address.js'
import type { HttpAnswer, RequestContext } from './answer.js'
import { readBody, type BodyLimits } from './body.js'
import type { ClientCertificateOf } from './client-certificate.js'
import { faultAnswer, refusalAnswer, type ErrorStyle, type HttpRefusal } from './errors.js'
import type { Route } from './route.js'
import { securityHeaders } from './security-headers.js'
import { sendAnswer } from './send.js'

/** What every request passes through, in express or in front of it: limits, request id, error writer, metrics, log. */
export interface DispatchDeps {
  readonly log: Log
  readonly metrics: Pick<Metrics, 'request' | 'unverified' | 'limited'>
  readonly addressLimit: RateLimit
  readonly clock: Clock
  readonly addressOf: (req: IncomingMessage) => string
  readonly certificateOf: ClientCertificateOf
  /** What the next DPoP proof must carry (RFC 9449 §8.2). */
  readonly dpopNonce: () => string
  readonly behindProxy: boolean
  readonly body: BodyLimits
  /** The server is about to stop: answers end their connection. */
  readonly isStopping: () => boolean
}

export interface Dispatch {
  /** Serves a request by a route. Never rejects. */
  serve(
    route: Route,
    req: IncomingMessage,
    res: ServerResponse,
    params: Readonly<Record<string, string>>,
  ): Promise<void>
  /** Answers with a refusal of the edge itself. */
  refuse(refusal: HttpRefusal, style: ErrorStyle, req: IncomingMessage, res: ServerResponse): void
}

/** What one attempt that proves nothing costs, in requests: guessing is slowed down before asking is. */
const UNVERIFIED_COST = 10
/** Refused requests that are logged, each minute: strangers do not fill the log (invariant 14). */
const LOGGED_REFUSALS = 600
const NO_BODY = Buffer.alloc(0)

export function createDispatch(deps: DispatchDeps): Dispatch {
  const { log, metrics, addressLimit, addressOf, certificateOf } = deps
  const refusalLog = createRateLimit({ perMinute: LOGGED_REFUSALS, clock: deps.clock })
  const common = Object.entries(securityHeaders()).flat()

  async function answerOf(
    route: Route,
    req: IncomingMessage,
    params: Readonly<Record<string, string>>,
    anonymous: RequestContext,
  ): Promise<HttpAnswer | undefined> {
    const wait = addressLimit.take(addressKey(anonymous.address))
    if (wait !== undefined) {
      metrics.limited('address')
      return refusalAnswer({ reason: 'too_fast', retryAfter: wait }, route.style)
    }
    const certificate = certificateOf(req)
    if (!certificate.ok) return refusalAnswer(certificate.refusal, route.style)
    const context: RequestContext =
      certificate.value === undefined ? anonymous : { ...anonymous, clientCertificate: certificate.value }
    let body: Buffer = NO_BODY
    if (route.readsBody) {
      const read = await readBody(req, deps.body)
      if (read === undefined) return undefined
      if (!read.ok) return refusalAnswer(read.refusal, route.style)
      body = read.value
    }
    return route.answer({ message: req, params, search: searchOf(req.url ?? ''), body }, context)
  }

  async function serve(
    route: Route,
    req: IncomingMessage,
    res: ServerResponse,
    params: Readonly<Record<string, string>>,
  ): Promise<void> {
    const start = monotonicMs()
    const context = contextOf(req, addressOf(req), deps.behindProxy)
    let answer: HttpAnswer | undefined
    try {
      answer = await answerOf(route, req, params, context)
    } catch (error) {
      log.error('request_failed', { request_id: context.requestId, method: context.method, route: route.path, error })
      answer = faultAnswer(error, route.style, context.requestId)
    }
    if (answer === undefined) return
    if (answer.unverified !== undefined) {
      metrics.unverified(answer.unverified)
      addressLimit.charge(addressKey(context.address), UNVERIFIED_COST)
    }
    finish(route, res, answer, context, start)
  }

  function finish(
    { path: route, isFrequent }: Pick<Route, 'path' | 'isFrequent'>,
    res: ServerResponse,
    answer: HttpAnswer,
    context: RequestContext,
    start: number,
  ): void {
    try {
      const headers = [...common, 'X-Request-Id', context.requestId]
      if (context.dpop !== undefined) headers.push('DPoP-Nonce', deps.dpopNonce())
      if (deps.isStopping()) headers.push('Connection', 'close')
      sendAnswer(res, answer, headers)
    } catch (error) {
      // Nothing can be answered any more; the client sees a broken connection, never half an answer.
      log.error('answer_not_sent', { request_id: context.requestId, route, error })
      res.destroy()
    }
    const ms = monotonicMs() - start
    metrics.request(route, context.method, answer.status, ms / 1000)
    const level = levelOf(answer.status, isFrequent)
    if (level === undefined) return
    log[level]('request', {
      request_id: context.requestId,
      method: context.method,
      route,
      status: answer.status,
      duration_ms: Math.round(ms * 10) / 10,
      address: context.address,
      ...(answer.unverified !== undefined && { reason: answer.unverified }),
    })
  }

  /** `undefined`: enough of these were logged. */
  function levelOf(status: number, isFrequent: boolean): 'debug' | 'info' | 'warn' | undefined {
    if (status >= 500) return 'warn'
    if (status >= 400) return refusalLog.take('refused') === undefined ? 'info' : undefined
    return isFrequent ? 'debug' : 'info'
  }

  return {
    serve,
    refuse(refusal, style, req, res) {
      const context = contextOf(req, addressOf(req), deps.behindProxy)
      const wait = addressLimit.take(addressKey(context.address))
      const told: HttpRefusal = wait === undefined ? refusal : { reason: 'too_fast', retryAfter: wait }
      finish(UNROUTED, res, refusalAnswer(told, style), context, monotonicMs())
    },
  }
}

const UNROUTED = { path: 'none', isFrequent: false } as const
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

function contextOf(req: IncomingMessage, address: string, behindProxy: boolean): RequestContext {
  const { headers } = req
  // A method that we do not know is a word of the client's: it becomes no label.
  const method = METHODS.has(req.method ?? '') ? (req.method ?? '') : 'OTHER'
  const header = (name: string): string | undefined => {
    const value = headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }
  return {
    requestId: randomUUID(),
    address,
    loopback: isLoopback(req, behindProxy),
    method,
    path: pathOf(req.url ?? ''),
    authorization: headers.authorization,
    dpop: header('dpop'),
    header,
  }
}

/** Empty for what is no path of ours, as a proxy is asked. */
function pathOf(url: string): string {
  const at = url.indexOf('?')
  const path = at < 0 ? url : url.slice(0, at)
  return path.startsWith('/') ? path : ''
}

function searchOf(url: string): string {
  const at = url.indexOf('?')
  return at < 0 ? '' : url.slice(at + 1)
}
