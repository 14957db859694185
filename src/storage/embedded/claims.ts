import type { Claim } from '../../grants/grant-store.js'
import type { Shard } from '../../runtime/ids.js'
import { forgetLater } from './forgetting.js'
import { inShard } from './keys.js'
import type { Tables } from './tables.js'

/** Taken once; taken again only by an equal binding that is not empty. */
export function isTaken({ claims }: Tables, shard: Shard, claim: Claim): boolean {
  const held = claims.get(inShard(shard, claim.key))
  return held !== undefined && (claim.binding === '' || held.binding !== claim.binding)
}

export function take(tables: Tables, shard: Shard, { key, binding, until }: Claim): void {
  const at = inShard(shard, key)
  const held = tables.claims.get(at)
  if (held && held.until >= until) return
  tables.claims.put(at, { binding, until })
  if (!held) forgetLater(tables, until, tables.claims, at)
}
