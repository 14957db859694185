import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { ok, refuse, type Result } from '../runtime/result.js'
import type { HttpRefusal } from './errors.js'

export interface BodyLimits {
  readonly bytes: number
  /** For the whole body: one that drips in slowly holds a connection, not a request. */
  readonly timeoutMs: number
}

/** `undefined`: the client went away before the end; there is nobody to answer. */
export type ReadBody = Result<Buffer, HttpRefusal> | undefined

/** Reads the raw body once. Never rejects. */
export function readBody(req: IncomingMessage, { bytes, timeoutMs }: BodyLimits): Promise<ReadBody> {
  const announced = Number(req.headers['content-length'] ?? 0)
  if (announced > bytes) return Promise.resolve(refuse({ reason: 'body_too_large', limit: bytes }))
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let length = 0
    const timer = setTimeout(() => {
      settle(refuse({ reason: 'body_too_slow' }))
    }, timeoutMs)
    const onData = (chunk: Buffer): void => {
      length += chunk.length
      if (length > bytes) settle(refuse({ reason: 'body_too_large', limit: bytes }))
      else chunks.push(chunk)
    }
    const onEnd = (): void => {
      settle(ok(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, length)))
    }
    const onGone = (): void => {
      settle(undefined)
    }
    function settle(outcome: ReadBody): void {
      clearTimeout(timer)
      req.off('data', onData)
      req.off('end', onEnd)
      req.off('error', onGone)
      req.off('close', onGone)
      if (!outcome?.ok) {
        // An error that comes later has nobody to hear it, and must not end the process.
        req.on('error', () => undefined)
        req.pause()
      }
      resolve(outcome)
    }
    req.on('data', onData)
    req.on('end', onEnd)
    req.on('error', onGone)
    req.on('close', onGone)
  })
}

const FORM = 'application/x-www-form-urlencoded'
const JSON_TYPE = 'application/json'

/** Whether the body is of this media type, in UTF-8 and not compressed. */
export function mediaTypeRefusal(req: IncomingMessage, expected: string): HttpRefusal | undefined {
  const [type = '', ...parameters] = (req.headers['content-type'] ?? '')
    .split(';')
    .map((part) => part.trim().toLowerCase())
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))
  const isText = charset === undefined || /^charset="?utf-?8"?$/.test(charset)
  const encoding = req.headers['content-encoding'] ?? 'identity'
  if (type === expected && isText && encoding === 'identity') return undefined
  return { reason: 'media_type_not_accepted', expected }
}

export const formTypeRefusal = (req: IncomingMessage): HttpRefusal | undefined => mediaTypeRefusal(req, FORM)
export const jsonTypeRefusal = (req: IncomingMessage): HttpRefusal | undefined => mediaTypeRefusal(req, JSON_TYPE)

/** Escapes of bytes above ASCII: only these can hide broken UTF-8. */
const HIGH_ESCAPE = /%[89a-f]/i

/**
 * A form with every parameter as it was sent, repeated ones too. Bytes that are not UTF-8 are refused, escaped or not:
 * the URL standard would turn them into U+FFFD, and two different texts into one.
 */
export function parseForm(body: Buffer): Result<URLSearchParams, HttpRefusal> {
  if (!isUtf8(body)) return refuse({ reason: 'not_utf8' })
  const text = body.toString('utf8')
  if (HIGH_ESCAPE.test(text) && !decodes(text)) return refuse({ reason: 'not_utf8' })
  return ok(new URLSearchParams(text))
}

function decodes(text: string): boolean {
  try {
    // A lone % means itself in a form (URL standard), so it is quoted before the check.
    decodeURIComponent(text.replace(/%(?![0-9a-f]{2})/gi, '%25'))
    return true
  } catch {
    return false
  }
}

const MAX_DEPTH = 32

/**
 * JSON without repeated members and `__proto__`, no deeper than 32, in text that UTF-8 can hold: what two parsers may read in two ways is
 * refused (RFC 8259 §4 and §8.2).
 */
export function parseJson(body: Buffer): Result<unknown, HttpRefusal> {
  if (!isUtf8(body)) return refuse({ reason: 'not_utf8' })
  const text = body.toString('utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The parser's message quotes the text.
    return refuse({ reason: 'malformed_json', detail: 'it is not JSON' })
  }
  const fault = structureFault(text) ?? (text.includes('\\u') ? surrogateFault(value) : undefined)
  return fault === undefined ? ok(value) : refuse({ reason: 'malformed_json', detail: fault })
}

/** Half of a surrogate pair has no UTF-8, and so no digest: only an escape can write it. */
function surrogateFault(value: unknown): string | undefined {
  return hasLoneSurrogate(value) ? 'it holds half of a surrogate pair' : undefined
}

function hasLoneSurrogate(value: unknown): boolean {
  if (typeof value === 'string') return /\p{Cs}/u.test(value)
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([name, member]) => hasLoneSurrogate(name) || hasLoneSurrogate(member))
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/g

/** Looks over text that is known to be JSON: strings and punctuation are enough to see depth and names. */
function structureFault(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = []
  let last = ''
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set() : undefined)
      if (open.length > MAX_DEPTH) return `it is nested deeper than ${MAX_DEPTH}`
    } else if (token === '}' || token === ']') open.pop()
    else if (token === ':') {
      const names = open.at(-1)
      const name = nameOf(last)
      if (names?.has(name)) return 'a member is repeated'
      // Half of all readers drop it without a word: a condition that is not there counts for nothing.
      if (name === '__proto__') return 'a member is named __proto__'
      names?.add(name)
    }
    last = token
  }
  return undefined
}

const nameOf = (literal: string): string =>
  literal.includes('\\') ? String(JSON.parse(literal)) : literal.slice(1, -1)
