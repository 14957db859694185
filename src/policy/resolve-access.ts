import type { Access, AuthorizationDetail } from '../grants/grant.js'
import { joinTiers, type JoinedTier } from '../grants/join-tiers.js'
import { isTermValue } from '../grants/term-value.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import type { Catalogue, Guard, Resource } from './catalogue.js'

/** What is asked for, in the catalogue's words. */
export interface Asked {
  readonly resource: Resource
  readonly access: Access
  /** One for each scope and detail that is asked for. */
  readonly guards: readonly Guard[]
  readonly tier: JoinedTier
}

export type AccessRefusal =
  | { readonly reason: 'target_missing' }
  | { readonly reason: 'target_unknown' }
  | { readonly reason: 'target_several' }
  | { readonly reason: 'scope_missing' }
  | { readonly reason: 'scope_unknown'; readonly scope: string }
  | { readonly reason: 'details_type_unknown' }
  | { readonly reason: 'details_invalid'; readonly detail: string }
  | { readonly reason: 'tiers_incompatible' }

/** All of them together, so that with the longest scope and names they fit a token (16 KiB in base64url, `issuance/`). */
const MAX_DETAILS_BYTES = 6144

/** Exactly one target, known; every scope and detail known and valid. Targets that are URLs are compared normalized (contract §1). */
export function resolveAccess(
  catalogue: Catalogue,
  targets: readonly string[],
  scope: readonly string[],
  details: readonly AuthorizationDetail[],
): Result<Asked, AccessRefusal> {
  const names = new Set(targets.map(normalizeTarget))
  const [name] = names
  if (name === undefined) return refuse({ reason: 'target_missing' })
  if (names.size > 1) return refuse({ reason: 'target_several' })
  const resource = resourcesByTarget(catalogue).get(name)
  if (resource === undefined) return refuse({ reason: 'target_unknown' })
  if (scope.length === 0 && details.length === 0) return refuse({ reason: 'scope_missing' })

  const guards: Guard[] = []
  for (const token of scope) {
    const guard = resource.scopes.get(token)
    if (guard === undefined) return refuse({ reason: 'scope_unknown', scope: token })
    guards.push(guard)
  }
  for (const detail of details) {
    const guard = resource.details.get(detail.type)
    if (guard === undefined) return refuse({ reason: 'details_type_unknown' })
    const wrong = isTermValue(detail)
      ? guard.check(detail)
      : 'terms hold strings, safe integers, booleans, arrays, objects'
    if (wrong !== undefined) return refuse({ reason: 'details_invalid', detail: wrong })
    guards.push(guard)
  }
  if (details.length > 0 && Buffer.byteLength(JSON.stringify(details)) > MAX_DETAILS_BYTES)
    return refuse({ reason: 'details_invalid', detail: 'more than a token has room for' })
  const tier = joinTiers([...new Set(guards.map((guard) => guard.tier))])
  if (tier === undefined) return refuse({ reason: 'tiers_incompatible' })
  const access = { audience: resource.audience, scope: scope.join(' '), authorization_details: details }
  return ok({ resource, access, guards, tier })
}

/** What the URL parser would silently take away, and no URI contains (RFC 3986 §2). */
const NOT_IN_A_URI = /[\p{Cc}\s]/u

/** A URL in its normal form (WHATWG URL), any other name as it is. */
export function normalizeTarget(target: string): string {
  return !NOT_IN_A_URI.test(target) && URL.canParse(target) ? new URL(target).href : target
}

const byTarget = new WeakMap<Catalogue, ReadonlyMap<string, Resource>>()

function resourcesByTarget(catalogue: Catalogue): ReadonlyMap<string, Resource> {
  const known = byTarget.get(catalogue)
  if (known !== undefined) return known
  const made = new Map(
    [...catalogue.resources.values()].map((resource) => [normalizeTarget(resource.audience), resource]),
  )
  byTarget.set(catalogue, made)
  return made
}
