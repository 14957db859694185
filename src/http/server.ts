/*
 * `http/` is the edge: listeners, limits, the routes and their errors. An endpoint gets parsed values and returns an
 * `HttpAnswer`; nothing but this folder knows that there is HTTP. `POST /token`, the hottest endpoint, stands in front
 * of express on the same server and shares everything with the others by going through the same `Dispatch`.
 */
import { constants } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../runtime/clock.js'
import type { Log } from '../runtime/log.js'
import type { Metrics } from '../runtime/metrics.js'
import type { RateLimit } from '../runtime/rate-limit.js'
import { createAddressOf } from './address.js'
import { createApp } from './app.js'
import { createClientCertificateOf, type IsTakenBack } from './client-certificate.js'
import { createDispatch, type Dispatch } from './dispatch.js'
import { refusalAnswer, type HttpRefusal } from './errors.js'
import { pathsOf, type Route, type Service } from './route.js'

/** One address to listen on; `Listener` of the configuration is one. */
export interface ListenerSettings {
  readonly host: string
  /** 0 takes any that is free. */
  readonly port: number
  readonly serve: readonly Service[]
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly clientCaFile?: string }
  /** Others reach this address through a proxy only. */
  readonly behindProxy: boolean
  /** Whose `X-Forwarded-For`, and with `mtls` whose `Client-Cert`, is believed. */
  readonly trustedProxies: readonly string[]
}

export interface EdgeDeps {
  readonly issuer: string
  readonly listen: readonly ListenerSettings[]
  readonly routes: readonly Route[]
  readonly addressLimit: RateLimit
  readonly bodyBytes: number
  /** What the next DPoP proof must carry. */
  readonly dpopNonce: () => string
  readonly isTakenBack: IsTakenBack
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly timeouts?: Partial<Timeouts>
}

/** Milliseconds. */
export interface Timeouts {
  /** For the head of a request. */
  readonly headers: number
  /** For its body. */
  readonly body: number
  /**
   * How long an idle connection is kept; longer than the usual 60 s of a balancer, which must be the one to close it.
   */
  readonly keepAlive: number
}

const TIMEOUTS: Timeouts = { headers: 10_000, body: 10_000, keepAlive: 65_000 }
/** An assertion of 16 KiB fits into `Authorization`, and is refused by what reads it when it is longer. */
const MAX_HEADER_BYTES = 32 * 1024
/** A connection on which nothing moves in the middle of a request. */
const IDLE_MS = 60_000
const HOT_PATH = '/token'

export interface BoundAddress {
  readonly host: string
  readonly port: number
  readonly serve: readonly Service[]
  readonly protocol: 'http' | 'https'
}

/** All listeners of one broker. */
export interface Edge {
  /** Binds all addresses, or none: then it throws. */
  start(): Promise<readonly BoundAddress[]>
  /** Takes no new connections; what is in flight is finished, at most so long. */
  stop(withinMs: number): Promise<void>
  isStopping(): boolean
}

export function createEdge(deps: EdgeDeps): Edge {
  const timeouts = { ...TIMEOUTS, ...deps.timeouts }
  let stopping = false
  const servers = deps.listen.map((listener) => ({
    listener,
    server: serverFor(listener, deps, timeouts, () => stopping),
  }))

  return {
    async start() {
      const bound: BoundAddress[] = []
      try {
        for (const { listener, server } of servers) bound.push(await bind(listener, server))
      } catch (error) {
        await Promise.all(servers.map(({ server }) => close(server, 0)))
        throw error
      }
      for (const { host, port } of bound) deps.log.info('listening', { url: `${host}:${port}` })
      return bound
    },
    async stop(withinMs) {
      stopping = true
      await Promise.all(servers.map(({ server }) => close(server, withinMs)))
    },
    isStopping: () => stopping,
  }
}

function serverFor(listener: ListenerSettings, deps: EdgeDeps, timeouts: Timeouts, isStopping: () => boolean): Server {
  const { log, metrics, addressLimit, clock } = deps
  const addressOf = createAddressOf(listener.trustedProxies)
  const body = { bytes: deps.bodyBytes, timeoutMs: timeouts.body }
  const dispatch = createDispatch({
    log,
    metrics,
    addressLimit,
    clock,
    addressOf,
    certificateOf: createClientCertificateOf(listener, deps.isTakenBack),
    dpopNonce: deps.dpopNonce,
    body,
    isStopping,
    behindProxy: listener.behindProxy,
  })
  const routes = deps.routes.filter(({ services }) => services.some((service) => listener.serve.includes(service)))
  const options: ServerOptions = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: timeouts.headers,
    // The body has its own bound, with an answer; this one is for what that does not see.
    requestTimeout: timeouts.headers + timeouts.body + 5000,
    connectionsCheckingInterval: Math.min(1000, timeouts.headers),
    // Refused in `versionRefusal`, with the body of the one error writer.
    requireHostHeader: false,
    keepAliveTimeout: timeouts.keepAlive,
  }
  const onRequest = listenerOf(routes, basePath(deps.issuer), dispatch)
  const server = listener.tls
    ? createTlsServer({ ...options, ...tlsOptions(listener.tls, asksForCertificates(listener)) }, onRequest)
    : createServer(options, onRequest)
  // A client that does not read its answer is gone: what it was to get counts as not sent.
  server.setTimeout(IDLE_MS)
  server.on('clientError', onClientError)
  return server
}

/** The path of the issuer: empty, or `/tenant`. */
const basePath = (issuer: string): string => new URL(issuer).pathname.replace(/\/+$/, '')

/**
 * The hot endpoint is recognized by its exact target; every other
 * notation of it goes through express, to the same route.
 */
function listenerOf(routes: readonly Route[], base: string, dispatch: Dispatch): RequestListener {
  const app: RequestListener = createApp({ routes, base, dispatch })
  const hot = routes.find(({ method, path }) => method === 'POST' && path === HOT_PATH)
  const [target] = hot ? pathsOf(hot, base) : []
  return (req: IncomingMessage, res: ServerResponse) => {
    const refusal = versionRefusal(req)
    if (refusal) dispatch.refuse(refusal, 'problem', req, res)
    else if (hot && req.url === target && req.method === 'POST') void dispatch.serve(hot, req, res, {})
    else app(req, res)
  }
}

/**
 * node:http lets 0.9 and 2.0 through, which it then speaks as 1.1. A Host is owed by HTTP/1.1 alone (RFC 9112 §3.2).
 */
function versionRefusal({ httpVersion, headers }: IncomingMessage): HttpRefusal | undefined {
  if (httpVersion === '1.1' ? headers.host !== undefined : httpVersion === '1.0') return undefined
  return { reason: 'malformed_request', detail: 'it is not HTTP/1.1' }
}

/** Not of a proxy: its clients' certificates come in headers. */
const asksForCertificates = ({ serve, behindProxy }: ListenerSettings): boolean =>
  serve.includes('mtls') && !behindProxy

const tlsOptions = ({ certFile, keyFile, clientCaFile }: NonNullable<ListenerSettings['tls']>, mutual: boolean) => ({
  cert: readFileSync(certFile),
  key: readFileSync(keyFile),
  minVersion: 'TLSv1.2' as const,
  ...(mutual && {
    // A client without a certificate is served as anywhere; what one proves, `client-certificate.ts` says.
    requestCert: true,
    rejectUnauthorized: false,
    // No sessions: a resumed one has lost the client's chain, and nobody looks at its dates again. No renegotiation: a
    // connection has one client.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  }),
  ...(clientCaFile !== undefined && { ca: readFileSync(clientCaFile) }),
})

function bind({ host, port, serve, tls }: ListenerSettings, server: Server): Promise<BoundAddress> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      const address = server.address() as AddressInfo
      resolve({ host, port: address.port, serve, protocol: tls ? 'https' : 'http' })
    })
  })
}

async function close(server: Server, withinMs: number): Promise<void> {
  if (!server.listening) return
  let timer: NodeJS.Timeout | undefined
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve()
    })
    server.closeIdleConnections()
    timer = setTimeout(() => {
      server.closeAllConnections()
    }, withinMs)
  })
  clearTimeout(timer)
}

/** A request that node:http could not read: the answer is written by hand, with the body of the one error writer. */
function onClientError(error: Error & { code?: string }, socket: Duplex & Partial<Pick<Socket, 'bytesWritten'>>): void {
  // Once an answer has begun on this connection another one would be taken for a part of it.
  if (!socket.writable || (socket.bytesWritten ?? 0) > 0) {
    socket.destroy()
    return
  }
  const answer = refusalAnswer(clientRefusal(error.code), 'problem')
  const body = JSON.stringify(answer.body)
  const headers = { ...answer.headers, Connection: 'close', 'Content-Length': String(Buffer.byteLength(body)) }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ''}\r\n${lines.join('')}\r\n${body}`)
}

function clientRefusal(code: string | undefined): HttpRefusal {
  if (code === 'HPE_HEADER_OVERFLOW') return { reason: 'headers_too_large' }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return { reason: 'body_too_slow' }
  return { reason: 'malformed_request', detail: 'it is not HTTP/1.1' }
}
