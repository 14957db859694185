import { isDeepStrictEqual } from 'node:util'
import { splitScope } from '../oauth/scope.js'
import type { Access, AuthorizationDetail } from './grant.js'

/**
 * Attenuation: what is asked must lie within what was granted (invariant 4). Asking for more is refused, never narrowed silently.
 * Details are within when `type` is equal, each array is a subset, and every other member is deeply equal (contract §1).
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
  return asked.every((element) => approved.some((other) => isDeepStrictEqual(element, other)))
}

/** What both allow: the scope that is granted of what was asked, for the one answer that may give less (a narrowed approval). */
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
