import { CommandError } from './command-error.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import { shown } from './text.js'
import { isJson } from './wire.js'

/** The broker over HTTP (contract §1). One request each: what to try again is the caller's to know. */
export interface Api {
  /** Below the issuer, without a slash at the end. */
  readonly url: string
  send(request: ApiRequest): Promise<ApiAnswer>
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST'
  /** Below the issuer. */
  readonly path: string
  /** Left out where undefined. */
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly bearer?: string
  /** A proof for this very request: then the token is presented as bound to its key (RFC 9449 §7.1). */
  readonly dpop?: string
  /** RFC 7617, base64 of `id:secret`. */
  readonly basic?: string
  readonly form?: Readonly<Record<string, string | undefined>>
  readonly json?: unknown
}

export interface ApiAnswer {
  readonly status: number
  /** Parsed JSON; `undefined` for an empty body. */
  readonly body: unknown
  /** Seconds. */
  readonly retryAfter?: number
  readonly challenge?: string
  /** For the next proof. */
  readonly dpopNonce?: string
}

const TIMEOUT_MS = 15_000
const MAX_BYTES = 4 * 1024 * 1024

export const createApi = (url: string, timeoutMs = TIMEOUT_MS): Api => ({
  url,
  send: async (request) => {
    const target = new URL(url + request.path)
    for (const [name, value] of Object.entries(request.query ?? {}))
      if (value !== undefined) target.searchParams.set(name, value)
    const response = await reach(target, request, timeoutMs)
    const retryAfter = Number(response.headers.get('retry-after') ?? 'none')
    const challenge = response.headers.get('www-authenticate')
    const dpopNonce = response.headers.get('dpop-nonce')
    return {
      status: response.status,
      body: parseBody(await readText(response, target), response.status),
      ...(Number.isSafeInteger(retryAfter) ? { retryAfter } : {}),
      ...(challenge === null ? {} : { challenge }),
      ...(dpopNonce === null ? {} : { dpopNonce }),
    }
  },
})

async function reach(target: URL, request: ApiRequest, timeoutMs: number): Promise<Response> {
  const body = bodyOf(request)
  try {
    return await fetch(target, {
      method: request.method,
      headers: {
        accept: 'application/json',
        ...(request.bearer === undefined
          ? {}
          : { authorization: `${request.dpop === undefined ? 'Bearer' : 'DPoP'} ${request.bearer}` }),
        ...(request.dpop === undefined ? {} : { dpop: request.dpop }),
        ...(request.basic === undefined ? {} : { authorization: `Basic ${request.basic}` }),
        ...(body === undefined ? {} : { 'content-type': body.type }),
      },
      ...(body === undefined ? {} : { body: body.text }),
      // A redirect would carry the token to somewhere that nobody named.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    })
  } catch (error) {
    throw unreachable(target, error)
  }
}

function bodyOf({ form, json }: ApiRequest): { readonly type: string; readonly text: string } | undefined {
  if (json !== undefined) return { type: 'application/json', text: JSON.stringify(json) }
  if (form === undefined) return undefined
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(form)) if (value !== undefined) parameters.set(name, value)
  return { type: 'application/x-www-form-urlencoded', text: parameters.toString() }
}

async function readText(response: Response, target: URL): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      size += chunk.length
      if (size > MAX_BYTES) break
      chunks.push(chunk)
    }
  } catch (error) {
    throw unreachable(target, error)
  }
  if (size > MAX_BYTES) throw new CommandError(EXIT.fault, 'the answer is too large', 'ask for less with --limit')
  return Buffer.concat(chunks).toString('utf8')
}

function parseBody(text: string, status: number): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    if (status >= 500) return undefined
    throw new CommandError(EXIT.fault, 'the answer is not JSON', 'is --url the address of Errand?')
  }
}

/** The codes that Node puts below `fetch failed`. */
const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ENOTFOUND: 'the name is not known',
  ECONNRESET: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is not trusted',
}

function unreachable(target: URL, error: unknown): CommandError {
  const timedOut = error instanceof Error && error.name === 'TimeoutError'
  const why = timedOut ? 'no answer in time' : (CAUSES[codeBelow(error)] ?? 'the connection failed')
  const remedy = why.includes('certificate')
    ? 'set NODE_EXTRA_CA_CERTS to the PEM of the CA'
    : 'start it with `errand serve`, or give its address with --url'
  return new CommandError(EXIT.unavailable, `cannot reach ${target.origin}: ${why}`, remedy, 'unreachable')
}

function codeBelow(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth += 1)
    if ('code' in at && typeof at.code === 'string') return at.code
  return ''
}

/**
 * The broker said no: what it said, and what can be done about it. `error` and `error_description` of OAuth
 * (RFC 6749 §5.2), or `title` and `detail` of a problem document (RFC 9457), whose type ends in the code.
 */
export function refusalOf(answer: ApiAnswer): CommandError {
  const { code, text } = wordsOf(answer)
  const message = code === undefined || text === code ? text : `${code}: ${text}`
  return new CommandError(exitCodeOf(answer.status), message, remedyOf(answer, code), code)
}

const PROBLEM_TYPE = 'urn:errand:problem:'

function wordsOf({ status, body }: ApiAnswer): { readonly code: string | undefined; readonly text: string } {
  const word = (name: string): string | undefined => {
    const value = isJson(body) ? body[name] : undefined
    return typeof value === 'string' && value !== '' ? shown(value) : undefined
  }
  const type = word('type')
  const code = word('error') ?? (type?.startsWith(PROBLEM_TYPE) === true ? type.slice(PROBLEM_TYPE.length) : undefined)
  const said = [word('error_description') ?? word('title') ?? code, word('detail'), ...faultsOf(body)]
  const text = said.filter((part) => part !== undefined).join(': ') || `HTTP status ${status}`
  const request = status >= 500 ? word('request_id') : undefined
  return { code, text: request === undefined ? text : `${text} (request ${request})` }
}

/** Which members of a JSON body are wrong, and why. */
function faultsOf(body: unknown): readonly string[] {
  const errors = isJson(body) ? body['errors'] : undefined
  if (!Array.isArray(errors)) return []
  return errors
    .filter(isJson)
    .map(({ at, message }) =>
      shown(`${typeof at === 'string' ? at : ''} ${typeof message === 'string' ? message : ''}`),
    )
}

function exitCodeOf(status: number): ExitCode {
  if (status === 429 || status === 503) return EXIT.unavailable
  return status >= 500 ? EXIT.fault : EXIT.refused
}

const REMEDIES: Readonly<Record<string, string>> = {
  insufficient_user_authentication: 'sign in again and get a new token: this one is too old or too weak for this act',
  invalid_target: 'give --audience as it stands in the configuration under resources',
  invalid_scope: 'ask for scopes that the audience has, and no more than the grant',
  group_ambiguous: 'say for which group you decide: --group GROUP',
  digest_mismatch: 'it has changed since it was shown: look at it again',
  terms_not_narrower: 'approve less than was asked for, or leave the narrowing out',
  equal_pending: 'look at the one that waits: errand grants list --status pending',
  decided_by_rules: 'no grant is needed: errand exchange',
  assertion_used: 'get a fresh assertion: each serves once',
  invalid_dpop_proof: 'bind it to a key of yours: --dpop-key FILE',
  expired_token: 'nobody decided in time: ask again',
  invalid_grant: 'ask again: this grant or task is over, or it is not yours',
}

function remedyOf({ status, retryAfter }: ApiAnswer, code: string | undefined): string | undefined {
  const known = code === undefined ? undefined : REMEDIES[code]
  if (known !== undefined) return known
  if (retryAfter !== undefined) return `try again in ${retryAfter} s`
  switch (status) {
    case 401:
      return 'a person gives a token with --token-file or ERRAND_TOKEN, a workload its assertion with --assertion-file'
    case 403:
      return 'your groups do not have the role for this: see roles in the configuration'
    case 404:
      return 'check the id: it is unknown here, or not yours to see'
    case 503:
      return 'the broker cannot answer now: try again'
    default:
      return undefined
  }
}

/** The body of an answer that must be a success. */
export async function expectSuccess(answer: Promise<ApiAnswer>): Promise<unknown> {
  const { status, body, ...rest } = await answer
  if (status >= 200 && status < 300) return body
  throw refusalOf({ status, body, ...rest })
}
