import type { IncomingMessage, RequestOptions } from 'node:http'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { ConnectionOptions } from 'node:tls'
import type { Result } from './result.js'
import { ok, refuse } from './result.js'

/**
 * A GET, or a POST of JSON, that cannot be held up: one deadline over connecting, headers, body and redirects together, a largest body, https
 * unless the host is loopback, and redirects only within the same origin, so that a trusted server cannot send us (with
 * our bearer token, inside our network) to another one. Compression is not asked for, so the size read is the size bounded.
 * Proxies from the environment are not used.
 */
export type BoundedFetch = (url: string, options: FetchOptions) => Promise<Result<FetchedBody, FetchRefusal>>

export interface FetchOptions {
  readonly timeoutMs: number
  readonly maxBytes: number
  readonly accept?: string
  /** PEM; only this CA is believed then. */
  readonly ca?: string
  readonly bearer?: string
  /** JSON to POST; a redirect is not followed then. */
  readonly json?: string
  /**
   * Whether a server is the right one, by the DER of its certificate, in place of the host's name. Its chain is verified
   * before (to `ca`).
   */
  readonly isServer?: (certificate: Buffer) => boolean
}

export interface FetchedBody {
  readonly body: Buffer
  /** `max-age` of `Cache-Control`, seconds, where there is one. */
  readonly maxAge?: number
}

/** Why there is no body. `detail` is for the log; it never holds what was sent or received. */
export type FetchRefusal =
  | { readonly reason: 'fetch_url_not_allowed' }
  | { readonly reason: 'fetch_redirect_not_followed' }
  | { readonly reason: 'fetch_timed_out' }
  | { readonly reason: 'fetch_too_large' }
  | { readonly reason: 'fetch_status'; readonly status: number }
  | { readonly reason: 'fetch_failed'; readonly detail: string }

const MAX_REDIRECTS = 3
const MAX_AGE = /(?:^|,)\s*max-age=(\d{1,9})\s*(?:,|$)/i
const REDIRECTS = new Set([301, 302, 303, 307, 308])

/** Loopback by name or literal address; nothing is resolved. */
export const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)

/** https without credentials in it, or http to loopback. */
export function isFetchable(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname, username, password } = new URL(url)
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}

/** @throws TypeError when `ca` is no PEM: a mistake of the configuration, not of the server. */
export const boundedFetch: BoundedFetch = async (url, options) => {
  const deadline = AbortSignal.timeout(options.timeoutMs)
  let target = url
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    if (!isFetchable(target)) return refuse({ reason: 'fetch_url_not_allowed' })
    const answer = await get(new URL(target), options, deadline)
    if (!('redirect' in answer)) return answer
    if (options.json !== undefined) break
    if (!URL.canParse(answer.redirect, target)) break
    const next = new URL(answer.redirect, target)
    if (next.origin !== new URL(target).origin) break
    target = next.href
  }
  return refuse({ reason: 'fetch_redirect_not_followed' })
}

type Answer = Result<FetchedBody, FetchRefusal> | { readonly redirect: string }

function get(url: URL, options: FetchOptions, signal: AbortSignal): Promise<Answer> {
  return new Promise<Answer>((resolve) => {
    const failed = (detail: string): void => {
      resolve(refuse(signal.aborted ? { reason: 'fetch_timed_out' } : { reason: 'fetch_failed', detail }))
    }
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest
    const request = send(url, requestOptions(options, signal), (response) => {
      read(response, options, {
        settled: (answer) => {
          resolve(answer)
          request.destroy()
        },
        failed,
      })
    })
    request.on('error', (error: NodeJS.ErrnoException) => {
      failed(error.code ?? error.name)
    })
    request.end(options.json)
  })
}

type TlsOptions = Pick<ConnectionOptions, 'ca' | 'checkServerIdentity'>

function requestOptions(options: FetchOptions, signal: AbortSignal): RequestOptions & TlsOptions {
  const { isServer } = options
  return {
    // A connection of its own: nothing stays open between fetches that are minutes apart.
    agent: false,
    signal,
    ...(options.json === undefined ? {} : { method: 'POST' }),
    headers: {
      ...(options.json === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(options.json) }),
      accept: options.accept ?? 'application/json',
      'accept-encoding': 'identity',
      ...(options.bearer === undefined ? {} : { authorization: `Bearer ${options.bearer}` }),
    },
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(isServer === undefined
      ? {}
      : {
          checkServerIdentity: (_host, { raw }) => (isServer(raw) ? undefined : new Error('it is another server')),
        }),
  }
}

interface Reader {
  readonly settled: (answer: Answer) => void
  readonly failed: (detail: string) => void
}

function read(response: IncomingMessage, { maxBytes, json }: FetchOptions, { settled, failed }: Reader): void {
  const status = response.statusCode ?? 0
  const location = response.headers.location
  if (REDIRECTS.has(status) && location !== undefined) {
    settled({ redirect: location })
    return
  }
  // A POST that makes something answers 201 (RFC 9110 §15.3.2).
  if (status !== 200 && (json === undefined || status !== 201)) {
    settled(refuse({ reason: 'fetch_status', status }))
    return
  }
  const chunks: Buffer[] = []
  let size = 0
  response.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > maxBytes) settled(refuse({ reason: 'fetch_too_large' }))
    else chunks.push(chunk)
  })
  response.on('error', () => {
    failed('the answer was cut off')
  })
  response.on('end', () => {
    const maxAge = MAX_AGE.exec(response.headers['cache-control'] ?? '')?.[1]
    settled(ok({ body: Buffer.concat(chunks), ...(maxAge === undefined ? {} : { maxAge: Number(maxAge) }) }))
  })
}
