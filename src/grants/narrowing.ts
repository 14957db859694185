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
  if (credential.types.length === 0 || !isSubset(credential.types, from.types))
    return 'credential types are wider than what was asked for'
  if (!isAtMost(credential.max_ttl_seconds, from.max_ttl_seconds))
    return 'max_ttl_seconds is not within what was asked for'
  if (credential.binding !== from.binding) return 'binding cannot be changed'
  return namesFault(credential, from)
}

/** Names are taken away one by one, never made up; where there are none any more, `names` is left out. */
function namesFault({ types, names }: Terms['credential'], { names: from }: Terms['credential']): string | undefined {
  if (names === undefined) return undefined
  if (!types.includes('x509')) return 'names go with certificates only'
  if (names.common_name === undefined && names.dns.length === 0) return 'names without a name'
  const within =
    (names.common_name === undefined || names.common_name === from?.common_name) && isSubset(names.dns, from?.dns ?? [])
  return within ? undefined : 'names are wider than what was asked for'
}

/** Some of them, each once. */
const isSubset = <T>(some: readonly T[], all: readonly T[]): boolean =>
  new Set(some).size === some.length && some.every((one) => all.includes(one))

function delegationFault({ delegation }: Terms, { delegation: from }: Terms): string | undefined {
  const within =
    delegation.to.every((actor) => from.to.includes(actor)) &&
    isFrom0(delegation.max_depth, from.max_depth) &&
    isFrom0(delegation.max_children, from.max_children)
  return within ? undefined : 'delegation is wider than what was asked for'
}

const isFrom0 = (value: number, bound: number): boolean => value === 0 || isAtMost(value, bound)
