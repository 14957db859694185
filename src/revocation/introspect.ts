import { openFacts } from '../grants/certificate-facts.js'
import { parseCredentialDocument } from '../grants/documents.js'
import type { GrantSafe } from '../grants/grant-safe.js'
import type { CredentialStanding, IssuanceStore } from '../grants/issuance-store.js'
import { isActive } from '../grants/lifecycle.js'
import type { Authority } from '../issuance/authority.js'
import type { AccessTokenClaims, Tokens } from '../issuance/jwt.js'
import type { TextMac } from '../issuance/mac.js'
import { isCertificatePem, readOwnCertificate } from '../issuance/own-certificate.js'
import type { Clock, EpochSeconds } from '../runtime/clock.js'

export interface IntrospectDeps {
  /** This broker. */
  readonly issuer: string
  readonly clock: Clock
  readonly tokens: Pick<Tokens, 'typOf' | 'verifyOwnToken'>
  readonly store: Pick<IssuanceStore, 'look'>
  readonly safe: Pick<GrantSafe, 'open'>
  readonly credentialMac: TextMac
  readonly authorities: () => readonly Authority[]
}

/**
 * What a resource server is told (RFC 7662 §2.2): of anything that is not a live credential
 * for one of its own audiences, only that it is not active.
 */
export type Introspection =
  | { readonly active: false }
  | ({ readonly active: true; readonly token_type: 'Bearer' | 'DPoP' } & AccessTokenClaims)
  | ({ readonly active: true; readonly token_type: 'N_A' } & Omit<AccessTokenClaims, 'iat'>)

const INACTIVE: Introspection = { active: false }

/**
 * `audiences`: the resource server's own. What is answered are the claims that we signed, never what the store holds.
 */
export async function introspect(
  deps: IntrospectDeps,
  token: string,
  audiences: readonly string[],
): Promise<Introspection> {
  if (isCertificatePem(token)) return introspectCertificate(deps, token, audiences)
  const now = deps.clock.now()
  if (deps.tokens.typOf(token) !== 'at+jwt') return INACTIVE
  const verified = await deps.tokens.verifyOwnToken(token, 'at+jwt', now)
  if (!verified.ok || !audiences.includes(verified.value.aud)) return INACTIVE
  const claims = verified.value
  const standing = await liveStanding(deps, claims.jti, now)
  if (standing?.grant.id !== claims.grant_id || standing.task.id !== claims.task_id) return INACTIVE
  return { active: true, token_type: claims.cnf !== undefined && 'jkt' in claims.cnf ? 'DPoP' : 'Bearer', ...claims }
}

/** A certificate says who; what for, its record says under our MAC. */
async function introspectCertificate(
  deps: IntrospectDeps,
  token: string,
  audiences: readonly string[],
): Promise<Introspection> {
  const now = deps.clock.now()
  const own = readOwnCertificate(token, deps.authorities())
  if (own === undefined || now >= own.notAfter) return INACTIVE
  const standing = await liveStanding(deps, own.id, now)
  if (standing === undefined) return INACTIVE
  const { credential } = standing
  const facts = openFacts(parseCredentialDocument(credential.document).certificate, credential, deps.credentialMac)
  const { audience, scope, authorization_details } = facts.access
  if (!audiences.includes(audience) || facts.key !== own.key) return INACTIVE
  return {
    active: true,
    token_type: 'N_A',
    iss: deps.issuer,
    sub: facts.sub,
    client_id: facts.clientId,
    aud: audience,
    nbf: own.notBefore,
    exp: own.notAfter,
    jti: own.id,
    ...(scope === '' ? {} : { scope }),
    ...(authorization_details.length === 0 ? {} : { authorization_details }),
    grant_id: credential.grantId,
    task_id: credential.taskId,
    ...(facts.act === undefined ? {} : { act: facts.act }),
    cnf: { 'x5t#S256': own.x5tS256 },
  }
}

/** A credential that lives, under a grant that is genuine and in force. */
export async function liveStanding(
  { store, safe }: Pick<IntrospectDeps, 'store' | 'safe'>,
  id: AccessTokenClaims['jti'],
  now: EpochSeconds,
): Promise<CredentialStanding | undefined> {
  const standing = await store.look(id, now)
  if (standing?.live !== true) return undefined
  return isActive(safe.open(standing.grant).grant, now) ? standing : undefined
}
