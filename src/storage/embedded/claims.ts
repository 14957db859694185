import type { Claim } from '../../grants/grant-store.js'
import type { Shard } from '../../runtime/ids.js'
import { claimForgottenAt, forgetLater, place } from './forgetting.js'
import { inShard } from './keys.js'
import type { Tables } from './tables.js'

/** Taken once; taken again only by an equal binding that is not empty. */
export function isTaken({ claims }: Tables, shard: Shard, claim: Claim): boolean {
  const held = claims.get(inShard(shard, claim.key))
  return held !== undefined && (claim.binding === '' || held.binding !== claim.binding)
}

/** Takes the claims of a step, and sees to it that they are forgotten when their time has passed. */
export function takeAll(tables: Tables, shard: Shard, claims: readonly Claim[]): void {
  for (const claim of claims) {
    const at = take(tables, shard, claim)
    if (at !== undefined) forgetLater(tables, claimForgottenAt(claim), at)
  }
}

/** Answers the place of a claim that was not held before: whoever takes it sees to it that it is forgotten. */
export function take(tables: Tables, shard: Shard, { key, binding, until }: Claim): string | undefined {
  const at = inShard(shard, key)
  const held = tables.claims.get(at)
  if (held && held.until >= until) return undefined
  tables.claims.put(at, { binding, until })
  return held ? undefined : place(tables.claims, at)
}
