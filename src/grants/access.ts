import { isDeepStrictEqual } from 'node:util'
import { splitScope } from '../oauth/scope.js'
import { canonicalize } from '../runtime/jcs.js'
import type { Access, AuthorizationDetail } from './grant.js'

/**
 * Attenuation: what is asked must lie within what was granted (invariant 4). Asking for more is
 * refused, never narrowed silently. Details are within when `type` is equal, each array is a
 * subset, and every other member is deeply equal (contract §1).
 */
export const isWithin = (asked: Access, granted: readonly Access[]): boolean =>
  granted.some(
    (access) =>
      access.audience === asked.audience &&
      splitScope(asked.scope).every((token) => splitScope(access.scope).includes(token)) &&
      asked.authorization_details.every((detail) =>
        access.authorization_details.some((approved) => isDetailWithin(detail, approved)),
      ),
  )

export function isDetailWithin(asked: AuthorizationDetail, approved: AuthorizationDetail): boolean {
  const names = Object.keys(asked)
  if (asked.type !== approved.type || names.length !== Object.keys(approved).length) return false
  return names.every((name) => Object.hasOwn(approved, name) && isMemberWithin(asked[name], approved[name]))
}

function isMemberWithin(asked: unknown, approved: unknown): boolean {
  if (!Array.isArray(asked) || !Array.isArray(approved)) return isDeepStrictEqual(asked, approved)
  const known = textsOf(approved)
  return [...textsOf(asked)].every((text) => known.has(text))
}

const textsOfArrays = new WeakMap<readonly unknown[], ReadonlySet<string>>()

/**
 * The elements, each as the one text that JCS has for it. Thousands of them fit in a request, and it is compared with
 * each grant of its run: to compare each element with each would stop everybody for as long as it takes.
 */
function textsOf(array: readonly unknown[]): ReadonlySet<string> {
  const known = textsOfArrays.get(array)
  if (known !== undefined) return known
  const texts = new Set(array.map(canonicalize))
  textsOfArrays.set(array, texts)
  return texts
}

/**
 * What both allow: the scope that is granted of what was asked, for
 * the one answer that may give less (a narrowed approval).
 */
export function intersect(asked: Access, granted: readonly Access[]): Access | undefined {
  const access = granted.find((candidate) => candidate.audience === asked.audience)
  if (access === undefined) return undefined
  const scope = splitScope(asked.scope).filter((token) => splitScope(access.scope).includes(token))
  const details = asked.authorization_details.flatMap((detail) => {
    if (access.authorization_details.some((approved) => isDetailWithin(detail, approved))) return [detail]
    return access.authorization_details.filter((approved) => isDetailWithin(approved, detail))
  })
  if (scope.length === 0 && details.length === 0) return undefined
  return { audience: asked.audience, scope: scope.join(' '), authorization_details: details }
}
