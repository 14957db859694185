import { isDeepStrictEqual } from 'node:util'
import { isWithin } from './access.js'
import type { Terms } from './grant.js'

/**
 * What keeps `terms` from being a narrowing of `from`; `undefined` when nothing does. What people may narrow is access
 * and measure, never who, what for, or who decides. Terms that say the same narrow nothing: they would void the reviews
 * of others for no reason.
 */
export function narrowingFault(terms: Terms, from: Terms): string | undefined {
  return wideningFault(terms, from) ?? (wideningFault(from, terms) === undefined ? 'nothing is narrower' : undefined)
}

/** What `terms` has that `from` has not. */
function wideningFault(terms: Terms, from: Terms): string | undefined {
  const changed = FIXED.find((name) => !isDeepStrictEqual(terms[name], from[name]))
  if (changed !== undefined) return `${changed} cannot be changed`
  if (terms.access.length === 0 || !terms.access.every((access) => isWithin(access, from.access)))
    return 'access is wider than what was asked for'
  if (terms.access.some(isEmptyAccess)) return 'access without scope and details'
  if (!isAtMost(terms.duration_seconds, from.duration_seconds))
    return 'duration_seconds is not within what was asked for'
  if (terms.task.description !== from.task.description || terms.task.reference !== from.task.reference)
    return 'task cannot be changed'
  if (!isAtMost(terms.task.max_tasks, from.task.max_tasks)) return 'max_tasks is not within what was asked for'
  return credentialFault(terms, from) ?? delegationFault(terms, from)
}

const FIXED = [
  'v',
  'issuer',
  'id',
  'tier',
  'delegate',
  'sealed',
  'purpose',
  'requested_by',
  'owner',
  'decide_by',
  'required_reviews',
] as const satisfies readonly (keyof Terms)[]

const isAtMost = (value: number, bound: number): boolean => Number.isSafeInteger(value) && value >= 1 && value <= bound

const isEmptyAccess = ({ scope, authorization_details }: Terms['access'][number]): boolean =>
  scope === '' && authorization_details.length === 0

function credentialFault({ credential }: Terms, { credential: from }: Terms): string | undefined {
  if (credential.types.length === 0 || !credential.types.every((type) => from.types.includes(type)))
    return 'credential types are wider than what was asked for'
  if (!isAtMost(credential.max_ttl_seconds, from.max_ttl_seconds))
    return 'max_ttl_seconds is not within what was asked for'
  const same = credential.binding === from.binding && isDeepStrictEqual(credential.names, from.names)
  return same ? undefined : 'binding and names cannot be changed'
}

function delegationFault({ delegation }: Terms, { delegation: from }: Terms): string | undefined {
  const within =
    delegation.to.every((actor) => from.to.includes(actor)) &&
    isFrom0(delegation.max_depth, from.max_depth) &&
    isFrom0(delegation.max_children, from.max_children)
  return within ? undefined : 'delegation is wider than what was asked for'
}

const isFrom0 = (value: number, bound: number): boolean => value === 0 || isAtMost(value, bound)
