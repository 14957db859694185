import type { GrantSafe } from '../grants/grant-safe.js'
import type { IssuanceStore } from '../grants/issuance-store.js'
import { isActive } from '../grants/lifecycle.js'
import type { AccessTokenClaims, Tokens } from '../issuance/jwt.js'
import type { Clock } from '../runtime/clock.js'

export interface IntrospectDeps {
  readonly clock: Clock
  readonly tokens: Pick<Tokens, 'typOf' | 'verifyOwnToken'>
  readonly store: Pick<IssuanceStore, 'look'>
  readonly safe: Pick<GrantSafe, 'open'>
}

/** What a resource server is told (RFC 7662 §2.2): of anything that is not a live credential for one of its own audiences, only that it is not active. */
export type Introspection =
  { readonly active: false } | ({ readonly active: true; readonly token_type: string } & AccessTokenClaims)

const INACTIVE: Introspection = { active: false }

/** `audiences`: the resource server's own. What is answered are the claims that we signed, never what the store holds. */
export async function introspect(
  deps: IntrospectDeps,
  token: string,
  audiences: readonly string[],
): Promise<Introspection> {
  const now = deps.clock.now()
  if (deps.tokens.typOf(token) !== 'at+jwt') return INACTIVE
  const verified = await deps.tokens.verifyOwnToken(token, 'at+jwt', now)
  if (!verified.ok || !audiences.includes(verified.value.aud)) return INACTIVE
  const claims = verified.value
  const standing = await deps.store.look(claims.jti, now)
  if (standing?.live !== true) return INACTIVE
  if (standing.grant.id !== claims.grant_id || standing.task.id !== claims.task_id) return INACTIVE
  if (!isActive(deps.safe.open(standing.grant).grant, now)) return INACTIVE
  return { active: true, token_type: claims.cnf !== undefined && 'jkt' in claims.cnf ? 'DPoP' : 'Bearer', ...claims }
}
