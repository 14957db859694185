import type { Act } from '../issuance/jwt.js'

/** How often a credential has been handed on: 0 for a root's. */
export function depthOf(act: Act | undefined): number {
  let depth = 0
  for (let actor = act?.act; actor !== undefined; actor = actor.act) depth++
  return depth
}
