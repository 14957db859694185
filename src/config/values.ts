import { z } from 'zod'
import { compilePattern } from '../workloads/pattern.js'
import { parseSpiffeId } from '../workloads/spiffe-uri.js'
import { isAddressRange, isListenHost, isLoopbackHost } from './addresses.js'
import { parseStoreUrl } from './store-url.js'

/**
 * The kinds of value that the configuration has. `$comment` says what is expected: it stands in the JSON Schema, and is
 * the remedy of a fault.
 */
const MAX_TEXT = 1024

type Complaint = { readonly message: string; readonly remedy?: string } | undefined

/** Text with a check that can say what to do instead. */
const checkedText = (expects: string, complain: (text: string) => Complaint) =>
  z
    .string()
    .min(1, 'is empty')
    .max(MAX_TEXT, `is longer than ${MAX_TEXT} characters`)
    .superRefine((text, context) => {
      const complaint = complain(text)
      if (complaint === undefined) return
      context.addIssue({ code: 'custom', message: complaint.message, params: { remedy: complaint.remedy } })
    })
    .meta({ $comment: expects })

const patternText = (pattern: RegExp, message: string, expects: string) =>
  z.string().regex(pattern, message).meta({ $comment: expects })

export const name = () =>
  patternText(/^[a-z][a-z0-9_-]{0,31}$/, 'is not a name', 'up to 32 lowercase letters, digits, - and _, a letter first')

export const tierName = (
  expects = 'up to 64 letters, digits, ., - and _; + joins tiers, so it is not part of a name',
) => patternText(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'is not a tier name', expects)

export const group = () =>
  patternText(
    /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,128}$/u,
    'is not a group',
    'a group, as the issuer writes it, up to 128 characters',
  ).meta({ examples: ['platform'] })

/** RFC 6749 §3.3: one scope-token. */
export const scopeToken = () =>
  patternText(
    /^[\x21\x23-\x5B\x5D-\x7E]{1,128}$/,
    'is not a scope',
    'printable ASCII without spaces, " and \\ (RFC 6749 §3.3)',
  )

export const trustDomain = () =>
  patternText(
    /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/,
    'is not a trust domain',
    'up to 63 lowercase letters, digits, ., - and _, like errand.example.com (SPIFFE-ID §2.1)',
  )

export const clientId = () =>
  patternText(/^[A-Za-z0-9._~-]{1,64}$/, 'is not a client id', 'up to 64 letters, digits, ., _, ~ and -')

export const sha256 = () =>
  patternText(
    /^[0-9a-f]{64}$/,
    'is not a SHA-256',
    'the 64 lowercase hex digits that `printf %s "$SECRET" | sha256sum` prints',
  )

export const certificateSha256 = () =>
  patternText(
    /^[0-9a-f]{64}$/,
    'is not a SHA-256',
    'the 64 lowercase hex digits that `openssl x509 -in CERTIFICATE -outform DER | sha256sum` prints',
  )

export const environmentName = () =>
  patternText(
    /^[A-Za-z_][A-Za-z0-9_]*$/,
    'is not the name of a variable',
    'the name of an environment variable, not its value',
  )

export const file = () =>
  checkedText("a path, relative to the configuration's folder", (text) =>
    text.includes('\0') ? { message: 'is not a path' } : undefined,
  )

export const host = () =>
  checkedText('an address to listen on, like 127.0.0.1, 0.0.0.0 or ::1, or localhost', (text) =>
    isListenHost(text) ? undefined : { message: 'is not an address' },
  )

export const addressRange = () =>
  checkedText('an address or a range like 10.0.0.0/8', (text) =>
    isAddressRange(text) ? undefined : { message: 'is not a range of addresses' },
  )

/** Claim name, or JSON Pointer where it starts with `/` (RFC 6901). */
const isClaim = (text: string): boolean => text !== '' && !(text.startsWith('/') && /~(?![01])/.test(text))

export const claim = () =>
  checkedText('a claim name, or a JSON Pointer like /kubernetes.io/namespace', (text) =>
    isClaim(text) ? undefined : { message: 'is not a claim name or JSON Pointer' },
  )

export const pattern = () =>
  checkedText('text, in quotes if it is a number; * is any characters, \\ quotes the next one', (text) => {
    const compiled = compilePattern(text)
    return compiled.ok ? undefined : { message: 'is not a pattern', remedy: 'write \\\\ for one \\ at the end' }
  })

/** Ids and names that others made up. */
export const text = (expects = 'text, in quotes if it is a number') =>
  patternText(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,256}$/u, 'is not plain text of up to 256 characters', expects)

export const claimPatterns = () => z.record(claim(), pattern())

const UNITS: ReadonlyMap<string, number> = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3600],
  ['d', 86_400],
])

const secondsOf = (text: string): number => Number(text.slice(0, -1)) * (UNITS.get(text.slice(-1)) ?? Number.NaN)

/**
 * `30d`, `15m`, `5s`, `1h`: the unit always stands there, so that no
 * number can be taken for another unit. Becomes seconds.
 */
export const duration = (least: string, most: string) =>
  z
    .string()
    .regex(/^(?:0|[1-9]\d{0,7})[smhd]$/, 'is not a duration')
    .transform((text, context) => {
      const seconds = secondsOf(text)
      if (seconds >= secondsOf(least) && seconds <= secondsOf(most)) return seconds
      context.addIssue({ code: 'custom', message: `is not between ${least} and ${most}` })
      return z.NEVER
    })
    .meta({ $comment: `a whole number with s, m, h or d, from ${least} to ${most}` })

export const wholeNumber = (least: number, most: number) =>
  z
    .int()
    .min(least)
    .max(most)
    .meta({ $comment: `a whole number from ${least} to ${most}` })

/** Why a URL cannot be trusted to name one place: the same for our issuer, for others', and for what is fetched. */
function complainOfUrl(text: string): Complaint {
  if (!URL.canParse(text) || /[\s\\]/.test(text)) return { message: 'is not a URL' }
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return { message: 'is not an https URL' }
  if (url.username !== '' || url.password !== '') return { message: 'holds a user or a password' }
  if (text.includes('?') || text.includes('#')) return { message: 'has a query or a fragment' }
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) {
    return { message: 'is not https', remedy: 'write https://…; plain http is for 127.0.0.1, [::1] and localhost only' }
  }
  return undefined
}

/** An issuer of others': its text is compared with `iss`, so it stays as it is written. */
export const foreignUrl = () => checkedText('an https URL without query and fragment', complainOfUrl)

/** An issuer of workloads: as others', or a trust domain, whose workloads name it in their `sub`. */
export const workloadIssuer = () =>
  checkedText('an https URL without query and fragment, or spiffe:// and a trust domain', (text) =>
    text.startsWith('spiffe://')
      ? parseSpiffeId(text)?.path === ''
        ? undefined
        : { message: 'is not a trust domain', remedy: 'write it like spiffe://prod.example.com' }
      : complainOfUrl(text),
  )

/** SPIFFE-ID §2. */
export const spiffeId = () =>
  checkedText('a SPIFFE ID, like spiffe://prod.example.com/spire/server', (text) =>
    parseSpiffeId(text) === undefined ? { message: 'is not a SPIFFE ID' } : undefined,
  )

/** Dotted decimal. */
export const objectIdentifier = () =>
  patternText(
    /^[0-2](?:\.(?:0|[1-9]\d{0,9})){1,15}$/,
    'is not an object identifier',
    'an object identifier in quotes, like "1.3.6.1.5.5.7.3.2"',
  )

/** Our own: clients compare it as text (RFC 8414 §3.3, RFC 9207), so it is configured in its one canonical spelling. */
export const ownIssuer = () =>
  checkedText('an https URL without query, fragment and trailing slash, as clients write it', (text) => {
    const complaint = complainOfUrl(text)
    if (complaint !== undefined) return complaint
    const { origin, pathname } = new URL(text)
    const canonical = origin + pathname.replace(/\/+$/, '')
    if (canonical !== text) return { message: 'is not in its canonical form', remedy: `write ${canonical}` }
    if (!/^(?:\/[\w.~-]+)*$/.test(pathname.replace(/\/$/, ''))) {
      return {
        message: 'has a path that is not plain',
        remedy: 'letters, digits, ., _, ~ and - between single slashes',
      }
    }
    return undefined
  })

/** RFC 8707 §2: an absolute URI without fragment; or a plain name, as RFC 8693 §2.1 lets `audience` be. */
export const target = () =>
  checkedText('an absolute URI without fragment, or a plain name', (text) => {
    if (!/^[\x21\x23-\x5B\x5D-\x7E]+$/.test(text)) return { message: 'is not a URI or a plain name' }
    if (text.includes('#')) return { message: 'has a fragment' }
    const isUri = URL.canParse(text)
    return isUri || /^[\w.~-]+$/.test(text) ? undefined : { message: 'is not a URI or a plain name' }
  })

export const storeUrl = () =>
  checkedText('embedded:FOLDER, or a redis, rediss, redis+sentinel or redis+cluster URL', (text) => {
    const parsed = parseStoreUrl(text)
    return parsed.ok ? undefined : parsed.refusal
  })

/** Where clients with certificates come in: only its origin, the paths are the issuer's. */
export const mutualTlsUrl = () =>
  checkedText('an https URL of host and port alone', (text) => {
    if (!URL.canParse(text)) return { message: 'is not a URL' }
    const { origin, protocol } = new URL(text)
    if (protocol !== 'https:') return { message: 'is not https', remedy: 'only TLS can show a client certificate' }
    return origin === text ? undefined : { message: 'is not an origin', remedy: `write ${origin}` }
  })

/**
 * Stands in certificates: ASCII, and nothing that a client would have to leave out. Plain http: what is fetched
 * there is signed, and https could need it first (RFC 5280 §8).
 */
export const pkiUrl = () =>
  checkedText('an http URL without query and fragment', (text) => {
    if (!URL.canParse(text)) return { message: 'is not a URL' }
    const { protocol, origin, pathname } = new URL(text)
    if (protocol === 'https:')
      return { message: 'is not plain http', remedy: `write ${text.replace(/^https/i, 'http')}` }
    if (protocol !== 'http:') return { message: 'is not a URL' }
    const canonical = origin + pathname.replace(/\/+$/, '')
    if (text.replace(/\/+$/, '') === canonical) return undefined
    return { message: 'has a query, a fragment, or another than its canonical form', remedy: `write ${canonical}` }
  })
