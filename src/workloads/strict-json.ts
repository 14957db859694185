import { isUtf8 } from 'node:buffer'

const MAX_DEPTH = 32

/**
 * Decodes one part of a compact JWS. `undefined` unless it is canonical base64url: no padding, no white space, no stray bits
 * in the tail (RFC 7515 §2, RFC 4648 §3.5), so that one content has one text.
 */
export function decodeBase64url(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url')
  return bytes.toString('base64url') === part ? bytes : undefined
}

/**
 * A JSON object, read so that no two readers can disagree on it: UTF-8 (no byte order mark), members named once (RFC 7515
 * §4, RFC 7519 §4 leave a choice, this is the stricter one), at most 32 deep, no lone surrogates. `undefined` for anything else.
 */
export function parseStrictObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  if (!isUtf8(bytes)) return undefined
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  const written = countMembers(text)
  if (written === undefined) return undefined
  const value = parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  // A repeated name is written twice and read once.
  if (readMembers(value) !== written) return undefined
  // UTF-8 cannot hold a lone surrogate; only an escape can.
  if (text.includes('\\u') && hasLoneSurrogate(value)) return undefined
  return value as Readonly<Record<string, unknown>>
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** The colons outside of strings, which are as many as the members; `undefined` when it is nested too deeply. */
function countMembers(text: string): number | undefined {
  let members = 0
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at)
        break
      case 0x3a: // :
        members++
        break
      case 0x5b: // [
      case 0x7b: // {
        depth++
        if (depth > MAX_DEPTH) return undefined
        break
      case 0x5d: // ]
      case 0x7d: // }
        depth--
    }
  }
  return members
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end !== -1 && isQuoted(text, end)) end = text.indexOf('"', end + 1)
  return end === -1 ? text.length : end
}

/** An odd number of backslashes before it. */
function isQuoted(text: string, at: number): boolean {
  let before = at - 1
  while (text.charCodeAt(before) === BACKSLASH) before--
  return (at - before) % 2 === 0
}

function readMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let members = Array.isArray(value) ? 0 : Object.keys(value).length
  for (const inner of Object.values(value)) if (typeof inner === 'object') members += readMembers(inner)
  return members
}

function hasLoneSurrogate(value: unknown): boolean {
  if (typeof value === 'string') return /\p{Cs}/u.test(value)
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([name, inner]) => hasLoneSurrogate(name) || hasLoneSurrogate(inner))
}
