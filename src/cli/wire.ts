import type {
  Access,
  CredentialTerms,
  Delegate,
  DelegationTerms,
  GrantStatus,
  RequiredReview,
  Requester,
  TaskTerms,
} from '../grants/grant.js'
import { parseGrantId, type GrantId } from '../runtime/ids.js'
import { CommandError } from './command-error.js'
import { EXIT } from './exit-codes.js'

/**
 * The broker's answers as the command line reads them (contract §1). What a parser lets through is shown to people and
 * decided on, so an answer of another shape is an error and never half a grant.
 */
export interface GrantDocument {
  readonly id: GrantId
  readonly status: GrantStatus
  readonly tier: string
  readonly created_at: string
  readonly decide_by: string
  readonly duration_seconds: number
  readonly expires_at?: string
  readonly digest: string
  readonly delegate: Delegate
  readonly sealed: Readonly<Record<string, string>>
  readonly task: TaskTerms
  readonly access: readonly Access[]
  readonly credential: CredentialTerms
  readonly delegation: DelegationTerms
  readonly purpose: string
  readonly requested_by: Requester
  readonly owner: string
  readonly required_reviews: readonly RequiredReview[]
  readonly reviews: readonly ReviewDocument[]
  readonly ended?: { readonly reason: string; readonly at: string; readonly by: string }
}

interface ReviewDocument {
  readonly by: string
  readonly group: string
  readonly decision: 'approve' | 'deny'
  readonly reason: string
  readonly at: string
}

export type Json = Readonly<Record<string, unknown>>

export const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const TEXTS = ['status', 'tier', 'created_at', 'decide_by', 'digest', 'purpose', 'owner'] as const
const OBJECTS = ['delegate', 'sealed', 'task', 'credential', 'delegation', 'requested_by'] as const
const LISTS = ['access', 'required_reviews', 'reviews'] as const

export function parseGrant(value: unknown): GrantDocument {
  const sound =
    isJson(value) &&
    parseGrantId(value['id']) !== undefined &&
    TEXTS.every((name) => typeof value[name] === 'string') &&
    OBJECTS.every((name) => isJson(value[name])) &&
    LISTS.every((name) => Array.isArray(value[name]) && value[name].every(isJson)) &&
    typeof value['duration_seconds'] === 'number'
  if (!sound) throw foreign('a grant')
  return value as unknown as GrantDocument
}

/** Answers of `/token` that hand something over (RFC 8693 §2.2.1; contract §1, "Answer"). */
export interface TokenAnswer extends Json {
  readonly access_token: string
  readonly token_type: string
  readonly expires_in: number
  readonly grant_id: string
  readonly task_id: string
}

export function parseTokenAnswer(value: unknown): TokenAnswer {
  const sound =
    isJson(value) &&
    ['access_token', 'token_type', 'grant_id', 'task_id'].every((name) => typeof value[name] === 'string') &&
    typeof value['expires_in'] === 'number'
  if (!sound) throw foreign('a credential')
  return value as TokenAnswer
}

/** `authorization_pending` with a code to poll with (Deferred Token Response). */
export interface DeferredAnswer extends Json {
  readonly deferral_code: string
  readonly expires_in: number
  readonly interval: number
  readonly grant_id: string
}

export const isDeferredAnswer = (value: unknown): value is DeferredAnswer =>
  isJson(value) &&
  value['error'] === 'authorization_pending' &&
  typeof value['deferral_code'] === 'string' &&
  typeof value['expires_in'] === 'number' &&
  typeof value['interval'] === 'number' &&
  typeof value['grant_id'] === 'string'

/** A page of a list: its elements under `name`, and how to get the next. */
export interface Page<T> {
  readonly elements: readonly T[]
  readonly next: string | undefined
  /** Of a page of the latest: what comes later is read on from here. */
  readonly newer: string | undefined
  /** Nothing is left for now. */
  readonly complete: boolean
}

export function parsePage<T>(value: unknown, name: string, parse: (element: unknown) => T): Page<T> {
  const elements = isJson(value) ? value[name] : undefined
  if (!isJson(value) || !Array.isArray(elements)) throw foreign(`a list of ${name}`)
  const [next, newer] = [value['next_cursor'], value['newer_cursor']]
  return {
    elements: elements.map((element: unknown) => parse(element)),
    next: typeof next === 'string' ? next : undefined,
    newer: typeof newer === 'string' ? newer : undefined,
    complete: value['complete'] !== false,
  }
}

/** An event of the evidence, version 1, as far as it is shown. */
export interface EventDocument extends Json {
  readonly id: string
  readonly at: string
  readonly type: string
}

export function parseEvent(value: unknown): EventDocument {
  const sound = isJson(value) && ['id', 'at', 'type'].every((name) => typeof value[name] === 'string')
  if (!sound) throw foreign('an event')
  return value as EventDocument
}

const foreign = (what: string): CommandError =>
  new CommandError(
    EXIT.fault,
    `the answer is not ${what}`,
    'is --url the address of Errand, and is it of this version?',
  )
