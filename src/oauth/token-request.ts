import { readForm, type Form } from './form.js'
import { holdsToken } from './misplaced-token.js'
import { lengthOf, plainText } from './plain-text.js'
import { parseScope } from './scope.js'
import { CLIENT_ASSERTION_TYPE, GRANT_TYPE, MAX_TOKEN_BYTES, TOKEN_TYPE } from './urns.js'
import type { OAuthErrorCode } from './error.js'

/** A request to `POST /token`, parsed. What it says is checked for form alone: nothing here is believed yet. */
export type TokenRequest = ExchangeRequest | PollRequest

export interface ExchangeRequest {
  readonly kind: 'exchange'
  /**
   * The assertion, the ticket, or the credential: which of them it is, the token itself decides. `undefined`: the certificate
   * of the connection takes its place (`client_credentials` without an assertion).
   */
  readonly subjectToken: string | undefined
  /** `client_assertion`, or the certificate, took the place of `subject_token` (`client_credentials`). */
  readonly subjectIsClient: boolean
  readonly subjectTokenType: SubjectTokenType
  readonly actorToken: string | undefined
  readonly clientAssertion: string | undefined
  readonly clientId: string | undefined
  /** All of `audience` and `resource`, as sent. */
  readonly targets: readonly string[]
  /** Sorted, without repeats; empty when absent. */
  readonly scope: readonly string[]
  /** Absent: empty. Elements are JSON objects with a string `type` (RFC 9396 §2). */
  readonly authorizationDetails: readonly RawDetail[]
  readonly requestedTokenType: RequestedTokenType
  readonly csr: string | undefined
  readonly actor: string | undefined
  readonly grantId: string | undefined
  readonly task: string | undefined
  /** Seconds. */
  readonly lifetime: number | undefined
  /** `completion_mode` contains `deferred`. */
  readonly deferred: boolean
  /** As people will be shown it. */
  readonly purpose: string | undefined
}

/** Its subject token is one of ours: a credential that gets a ticket, or the ticket. */
export interface HandingOnRequest extends ExchangeRequest {
  readonly subjectToken: string
}

export interface PollRequest {
  readonly kind: 'poll'
  readonly deferralCode: string
  readonly clientAssertion: string | undefined
  readonly clientId: string | undefined
}

export type SubjectTokenType = 'jwt' | 'id_token' | 'access_token' | 'ticket'
export type RequestedTokenType = 'access_token' | 'jwt' | 'x509' | 'ticket'
export interface RawDetail {
  readonly type: string
  readonly [member: string]: unknown
}

/** Why a request cannot be read: the code, and a sentence for the caller. */
export interface RequestFault {
  readonly error: OAuthErrorCode
  readonly description: string
}

export type Parsed<T> = { readonly request: T } | { readonly fault: RequestFault }

const REPEATABLE: ReadonlySet<string> = new Set(['audience', 'resource'])
const SUBJECT_TOKEN_TYPES: ReadonlyMap<string, SubjectTokenType> = new Map([
  [TOKEN_TYPE.jwt, 'jwt'],
  [TOKEN_TYPE.idToken, 'id_token'],
  [TOKEN_TYPE.accessToken, 'access_token'],
  [TOKEN_TYPE.ticket, 'ticket'],
])
const REQUESTED_TOKEN_TYPES: ReadonlyMap<string, RequestedTokenType> = new Map([
  [TOKEN_TYPE.accessToken, 'access_token'],
  [TOKEN_TYPE.jwt, 'jwt'],
  [TOKEN_TYPE.x509Certificate, 'x509'],
  [TOKEN_TYPE.ticket, 'ticket'],
])
const TASK_NAME = /^[\x21-\x7E]{1,128}$/
const MAX_PURPOSE = 500
const MAX_DETAILS = 16
const MAX_SCOPE_LENGTH = 2048
const DEFERRAL_CODE = /^dc_[A-Za-z0-9_-]{43}$/

/** Parameters that carry no token. What they say may be recorded. */
const PLAIN = [
  'audience',
  'resource',
  'scope',
  'authorization_details',
  'actor',
  'grant_id',
  'task',
  'purpose',
  'client_id',
]

class Malformed extends Error {
  constructor(readonly fault: RequestFault) {
    super(fault.description)
  }
}
const malformed = (description: string, error: OAuthErrorCode = 'invalid_request'): Malformed =>
  new Malformed({ error, description })

/** Parses `POST /token` (RFC 8693 §2.1, RFC 6749 §4.4, Deferred Token Response). Unknown parameters are ignored (RFC 6749 §3.2). */
export function parseTokenRequest(parameters: URLSearchParams): Parsed<TokenRequest> {
  const read = readForm(parameters, REPEATABLE)
  if ('repeated' in read) return { fault: malformed(`parameter is repeated: ${nameOf(read.repeated)}`).fault }
  const { form } = read
  const misplaced = PLAIN.find((name) => form.all(name).some(holdsToken))
  if (misplaced !== undefined) return { fault: malformed(`a token stands in ${misplaced}, where none belongs`).fault }
  try {
    return { request: parseByGrantType(form) }
  } catch (error) {
    if (error instanceof Malformed) return { fault: error.fault }
    throw error
  }
}

function parseByGrantType(form: Form): TokenRequest {
  switch (form.get('grant_type')) {
    case undefined:
      throw malformed('grant_type is missing')
    case GRANT_TYPE.tokenExchange:
    case GRANT_TYPE.clientCredentials:
      return parseExchange(form, form.get('grant_type') === GRANT_TYPE.clientCredentials)
    case GRANT_TYPE.deferred:
      return parsePoll(form)
    default:
      throw malformed('this grant_type is not served here', 'unsupported_grant_type')
  }
}

function parseExchange(form: Form, subjectIsClient: boolean): ExchangeRequest {
  const clientAssertion = parseClientAssertion(form)
  const subjectToken = subjectIsClient ? clientAssertion : parseSubjectToken(form)
  const requestedTokenType = parseRequestedTokenType(form)
  return {
    kind: 'exchange',
    subjectToken,
    subjectIsClient,
    subjectTokenType: subjectIsClient ? 'jwt' : parseSubjectTokenType(form),
    actorToken: parseActorToken(form),
    clientAssertion,
    clientId: form.get('client_id'),
    targets: [...form.all('audience'), ...form.all('resource')],
    scope: parseRequestedScope(form),
    authorizationDetails: parseDetails(form.get('authorization_details')),
    requestedTokenType,
    csr: parseCsr(form, requestedTokenType),
    actor: parseActor(form, requestedTokenType),
    grantId: form.get('grant_id'),
    task: parseTask(form),
    lifetime: parseLifetime(form),
    deferred: (form.get('completion_mode') ?? '').split(' ').includes('deferred'),
    purpose: parsePurpose(form),
  }
}

function parsePoll(form: Form): PollRequest {
  // A poll continues a request and never changes it (Deferred Token Response, "Substrate Guarantees").
  if (form.get('completion_mode') !== undefined) throw malformed('a poll carries no completion_mode')
  if (parseActorToken(form) !== undefined) throw malformed('an actor_token goes with a ticket only')
  const deferralCode = form.get('deferral_code')
  if (deferralCode === undefined) throw malformed('deferral_code is missing')
  if (!isDeferralCode(deferralCode)) throw malformed('the deferral_code is not known', 'invalid_grant')
  return {
    kind: 'poll',
    deferralCode,
    clientAssertion: parseClientAssertion(form),
    clientId: form.get('client_id'),
  }
}

export const isDeferralCode = (text: string): boolean => DEFERRAL_CODE.test(text)

/** RFC 7521 §4.2: assertion and type come together. */
function parseClientAssertion(form: Form): string | undefined {
  const assertion = form.get('client_assertion')
  const type = form.get('client_assertion_type')
  if (assertion === undefined && type === undefined) return undefined
  if (assertion === undefined) throw malformed('client_assertion is missing')
  if (type !== CLIENT_ASSERTION_TYPE) throw malformed(`client_assertion_type must be ${CLIENT_ASSERTION_TYPE}`)
  return bounded(assertion, 'client_assertion')
}

function parseSubjectToken(form: Form): string {
  const token = form.get('subject_token')
  if (token === undefined) throw malformed('subject_token is missing')
  return bounded(token, 'subject_token')
}

function parseSubjectTokenType(form: Form): SubjectTokenType {
  const urn = form.get('subject_token_type')
  if (urn === undefined) throw malformed('subject_token_type is missing')
  const type = SUBJECT_TOKEN_TYPES.get(urn)
  if (type === undefined) throw malformed('this subject_token_type is not accepted')
  return type
}

function parseActorToken(form: Form): string | undefined {
  const token = form.get('actor_token')
  const type = form.get('actor_token_type')
  if (token === undefined && type === undefined) return undefined
  if (token === undefined) throw malformed('actor_token is missing')
  if (type !== TOKEN_TYPE.jwt && type !== TOKEN_TYPE.idToken) throw malformed('this actor_token_type is not accepted')
  return bounded(token, 'actor_token')
}

function parseRequestedTokenType(form: Form): RequestedTokenType {
  const type = REQUESTED_TOKEN_TYPES.get(form.get('requested_token_type') ?? TOKEN_TYPE.accessToken)
  if (type === undefined) throw malformed('this requested_token_type is not issued here')
  return type
}

function parseRequestedScope(form: Form): readonly string[] {
  const text = form.get('scope')
  if (text === undefined) return []
  const scope = text.length > MAX_SCOPE_LENGTH ? undefined : parseScope(text)
  if (scope === undefined) throw malformed('scope is malformed', 'invalid_scope')
  return scope
}

/** RFC 9396 §2: a JSON array of objects, each with a string `type`. */
function parseDetails(text: string | undefined): readonly RawDetail[] {
  if (text === undefined) return []
  const refused = (why: string): Malformed => malformed(why, 'invalid_authorization_details')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw refused('authorization_details is not JSON')
  }
  if (!Array.isArray(value) || value.length === 0)
    throw refused('authorization_details must be a JSON array that is not empty')
  if (value.length > MAX_DETAILS) throw refused(`authorization_details has more than ${MAX_DETAILS} elements`)
  if (!value.every(isDetail)) throw refused('each of authorization_details is an object with a string type')
  if (nestingOf(text) > MAX_NESTING) throw refused('authorization_details is nested too deeply')
  return value
}

const isDetail = (value: unknown): value is RawDetail =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  'type' in value &&
  typeof value.type === 'string'

const MAX_NESTING = 32

/** An upper bound of the nesting of valid JSON text: brackets inside strings count too. */
function nestingOf(text: string): number {
  let depth = 0
  let deepest = 0
  for (const character of text) {
    if (character === '{' || character === '[') deepest = Math.max(deepest, ++depth)
    else if (character === '}' || character === ']') depth--
  }
  return deepest
}

function parseCsr(form: Form, requested: RequestedTokenType): string | undefined {
  const csr = form.get('csr')
  if (csr !== undefined && requested !== 'x509') throw malformed('csr goes with a certificate only')
  if (csr === undefined && requested === 'x509') throw malformed('csr is missing')
  return csr
}

function parseActor(form: Form, requested: RequestedTokenType): string | undefined {
  const actor = form.get('actor')
  if (actor !== undefined && requested !== 'ticket') throw malformed('actor goes with a ticket only')
  if (actor === undefined && requested === 'ticket') throw malformed('actor is missing: who may redeem the ticket')
  return actor
}

function parseTask(form: Form): string | undefined {
  const task = form.get('task')
  if (task !== undefined && !TASK_NAME.test(task))
    throw malformed('task must be 1 to 128 printable ASCII characters without spaces')
  return task
}

function parseLifetime(form: Form): number | undefined {
  const text = form.get('lifetime')
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,8}$/.test(text)) throw malformed('lifetime must be a whole number of seconds, at least 1')
  return Number(text)
}

function parsePurpose(form: Form): string | undefined {
  const text = form.get('purpose')
  if (text === undefined) return undefined
  if (lengthOf(text) > MAX_PURPOSE) throw malformed(`purpose has more than ${MAX_PURPOSE} characters`)
  return plainText(text) || undefined
}

function bounded(token: string, name: string): string {
  if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) throw malformed(`${name} is longer than ${MAX_TOKEN_BYTES} bytes`)
  return token
}

/** A parameter's name as it may be repeated to the caller: error_description has a small alphabet (RFC 6749 §5.2). */
const nameOf = (name: string): string => (/^[a-z_]{1,40}$/.test(name) ? name : 'unknown name')
