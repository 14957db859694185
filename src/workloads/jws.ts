import { ALGORITHMS } from './algorithms.js'
import { decodeBase64url, parseStrictObject } from './strict-json.js'
import type { Claims } from './claims.js'
import type { Result } from '../runtime/result.js'
import { ok, refuse } from '../runtime/result.js'

/** A JWT as it came: taken apart, read strictly, and not believed yet. */
export interface ParsedJws {
  /** The header, as it stands. */
  readonly parameters: Claims
  readonly alg: string
  readonly kid: string | undefined
  readonly claims: Claims
  readonly signingInput: Uint8Array
  readonly signature: Uint8Array
}

/** Larger ones are refused before anything else is done with them (contract §1). */
const MAX_ASSERTION_BYTES = 16 * 1024
const MAX_KID = 512

/**
 * What a JWT that proves an identity may call itself (RFC 8725 §3.11): nothing, `JWT`, `JOSE`, or an access token of RFC 9068.
 * DPoP proofs, security events, logout tokens and status lists are JWTs of the same issuers that mean something else.
 */
const TYPES = new Set(['jwt', 'jose', 'at+jwt', 'application/jwt', 'application/jose', 'application/at+jwt'])

/** The refusal is a text for the log: it names what is wrong and holds nothing of the token. */
export function parseJws(compact: unknown): Result<ParsedJws, string> {
  const parts = takeApart(compact)
  if (!parts.ok) return parts
  const header = readHeader(parts.value.header)
  if (!header.ok) return header
  const read = readParts(parts.value)
  return read.ok ? ok({ ...header.value, ...read.value }) : read
}

/** A compact JWS with the parameters of its header as they stand: for a kind of token that has rules of its own for them. */
export type RawJws = Pick<ParsedJws, 'parameters' | 'claims' | 'signingInput' | 'signature'>

/** As strict as `parseJws` on form, and with no opinion on the header. */
export function parseRawJws(compact: unknown): Result<RawJws, string> {
  const parts = takeApart(compact)
  if (!parts.ok) return parts
  const parameters = readParameters(parts.value.header)
  if (!parameters.ok) return parameters
  const read = readParts(parts.value)
  return read.ok ? ok({ parameters: parameters.value, ...read.value }) : read
}

interface Parts {
  readonly header: string
  readonly payload: string
  readonly signature: string
  readonly signed: string
}

function takeApart(compact: unknown): Result<Parts, string> {
  if (typeof compact !== 'string') return refuse('not a text')
  if (compact.length > MAX_ASSERTION_BYTES) return refuse('larger than 16 KiB')
  const parts = compact.split('.', 4)
  const [header, payload, signature] = parts
  if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined)
    return refuse('not a compact JWS of three parts')
  return ok({ header, payload, signature, signed: compact.slice(0, header.length + 1 + payload.length) })
}

function readParts(parts: Parts): Result<Pick<ParsedJws, 'claims' | 'signingInput' | 'signature'>, string> {
  const payload = decodeBase64url(parts.payload)
  const signature = decodeBase64url(parts.signature)
  if (payload === undefined || signature === undefined) return refuse('not canonical base64url')
  const claims = parseStrictObject(payload)
  if (claims === undefined) return refuse('the payload is not a plain JSON object')
  return ok({ claims, signingInput: Buffer.from(parts.signed, 'latin1'), signature })
}

interface Header {
  readonly parameters: Claims
  readonly alg: string
  readonly kid: string | undefined
}

/** An issuer writes the same header into all its tokens until it changes its key. */
const headers = new Map<string, Header>()
const MAX_HEADERS = 256
const MAX_REMEMBERED_HEADER = 512

function readHeader(part: string): Result<Header, string> {
  const known = headers.get(part)
  if (known !== undefined) return ok(known)
  const parameters = readParameters(part)
  if (!parameters.ok) return parameters
  const header = checkHeader(parameters.value)
  if (header.ok && part.length <= MAX_REMEMBERED_HEADER) {
    if (headers.size >= MAX_HEADERS) headers.clear()
    headers.set(part, header.value)
  }
  return header
}

function readParameters(part: string): Result<Claims, string> {
  const bytes = decodeBase64url(part)
  if (bytes === undefined) return refuse('not canonical base64url')
  const parameters = parseStrictObject(bytes)
  return parameters === undefined ? refuse('the header is not a plain JSON object') : ok(parameters)
}

function checkHeader(parameters: Claims): Result<Header, string> {
  // Extensions that must be understood; we understand none (RFC 7515 §4.1.11). `b64` changes what is signed (RFC 7797).
  if (parameters['crit'] !== undefined) return refuse('the header has crit')
  if (parameters['b64'] !== undefined) return refuse('the header has b64')
  const { alg, kid, typ } = parameters as { alg?: unknown; kid?: unknown; typ?: unknown }
  // Whatever else an issuer's list may say, only public-key algorithms exist here (RFC 8725 §3.1 and §3.2).
  if (typeof alg !== 'string' || !ALGORITHMS.has(alg)) return refuse('alg is no algorithm that is believed')
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > MAX_KID)) return refuse('kid is not a short text')
  if (typ !== undefined && (typeof typ !== 'string' || !TYPES.has(typ.toLowerCase())))
    return refuse('typ names another kind of token')
  return ok({ parameters, alg, kid })
}
