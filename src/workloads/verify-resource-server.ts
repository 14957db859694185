import { timingSafeEqual } from 'node:crypto'
import type { IssuanceStore } from '../grants/issuance-store.js'
import type { Catalogue, ResourceClient } from '../policy/catalogue.js'
import type { Clock } from '../runtime/clock.js'
import { sha256Base64url, sha256Hex } from '../runtime/digest.js'
import { shardOfHash } from '../runtime/ids.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { ALGORITHMS } from './algorithms.js'
import { checkClaims } from './check-claims.js'
import { isCertificateOf, type ClientCertificate } from './client-certificate.js'
import { parseJws } from './jws.js'
import { parseKeySet, type KeySet } from './key-set.js'

/**
 * How a resource server proves itself: `client_secret_basic` (RFC 6749 §2.3.1),
 * `private_key_jwt` (RFC 7523 §2.2), or mutual TLS (RFC 8705 §2).
 */
export type ResourceServerProof =
  | { readonly method: 'basic'; readonly id: string; readonly secret: string }
  | { readonly method: 'assertion'; readonly assertion: string }
  | { readonly method: 'certificate'; readonly id: string; readonly certificate: ClientCertificate }

export interface ResourceServerRefusal {
  readonly reason:
    | 'resource_server_unknown'
    | 'resource_server_secret_wrong'
    | 'resource_server_certificate_wrong'
    | 'resource_server_assertion_invalid'
    | 'resource_server_assertion_used'
}

/** Who proved itself: one id may stand at several audiences, with the same proof. */
export interface ResourceServer {
  readonly id: string
  readonly audiences: readonly string[]
}

export type VerifyResourceServer = (
  proof: ResourceServerProof,
) => Promise<Result<ResourceServer, ResourceServerRefusal>>

interface KnownServer extends ResourceServer {
  readonly auth: ResourceClient['auth']
}

export interface ResourceServerDeps {
  readonly catalogue: Catalogue
  /** What an assertion may name as its `aud`: this broker, or the endpoint that it is sent to. */
  readonly audiences: readonly string[]
  readonly clock: Clock
  readonly store: Pick<IssuanceStore, 'claim'>
  /**
   * Whether this broker issued a certificate, DER, that lives no more.
   * TLS does not know of it. @throws Fault `store_unavailable`
   */
  readonly hasEnded: (certificate: Buffer) => Promise<boolean>
}

/** Seconds: an assertion of a client lives for a few minutes at most. */
const MAX_AGE = 300
const LEEWAY = 30

export function createResourceServerVerifier(deps: ResourceServerDeps): VerifyResourceServer {
  const servers = new Map<string, KnownServer>()
  const keySets = new Map<string, KeySet>()
  for (const { clients: configured } of deps.catalogue.resources.values())
    for (const client of configured) {
      const audiences = [...(servers.get(client.id)?.audiences ?? []), client.audience]
      servers.set(client.id, { id: client.id, auth: client.auth, audiences })
      const keys = client.auth.method === 'private_key_jwt' ? parseKeySet(client.auth.jwks) : undefined
      if (keys !== undefined) keySets.set(client.id, keys)
    }
  return (proof) => {
    if (proof.method === 'basic') return Promise.resolve(verifySecret(servers.get(proof.id), proof.secret))
    if (proof.method === 'certificate') return verifyCertificate(deps, servers.get(proof.id), proof.certificate)
    return verifyAssertion(deps, servers, keySets, proof.assertion)
  }
}

function verifySecret(server: KnownServer | undefined, secret: string): Result<ResourceServer, ResourceServerRefusal> {
  // An unknown one is compared too, so that the time tells nothing.
  const expected = server?.auth.method === 'client_secret_basic' ? server.auth.secretSha256 : sha256Hex('')
  const equal = timingSafeEqual(Buffer.from(sha256Hex(secret), 'hex'), Buffer.from(expected, 'hex'))
  if (server?.auth.method !== 'client_secret_basic') return refuse({ reason: 'resource_server_unknown' })
  return equal ? ok(server) : refuse({ reason: 'resource_server_secret_wrong' })
}

async function verifyCertificate(
  { clock, hasEnded }: Pick<ResourceServerDeps, 'clock' | 'hasEnded'>,
  server: KnownServer | undefined,
  certificate: ClientCertificate,
): Promise<Result<ResourceServer, ResourceServerRefusal>> {
  if (server?.auth.method !== 'mtls') return refuse({ reason: 'resource_server_unknown' })
  const isIts = isCertificateOf(certificate, server.auth.certificate, clock.now())
  return isIts && !(await hasEnded(certificate.chain[0]))
    ? ok(server)
    : refuse({ reason: 'resource_server_certificate_wrong' })
}

async function verifyAssertion(
  deps: ResourceServerDeps,
  servers: ReadonlyMap<string, KnownServer>,
  keySets: ReadonlyMap<string, KeySet>,
  assertion: string,
): Promise<Result<ResourceServer, ResourceServerRefusal>> {
  const invalid = refuse({ reason: 'resource_server_assertion_invalid' } as const)
  const parsed = parseJws(assertion)
  if (!parsed.ok) return invalid
  const { claims, alg, kid, signingInput, signature } = parsed.value
  const { iss, sub } = claims as { readonly iss?: unknown; readonly sub?: unknown }
  // RFC 7523 §3: both are the client.
  const id = typeof iss === 'string' && iss === sub ? iss : undefined
  const server = id === undefined ? undefined : servers.get(id)
  const keys = id === undefined ? undefined : keySets.get(id)
  if (server === undefined || keys === undefined) return refuse({ reason: 'resource_server_unknown' })
  const now = deps.clock.now()
  const checked = checkClaims(
    claims,
    { audiences: deps.audiences, otherAudiences: [], leeway: LEEWAY, maxAge: MAX_AGE },
    now,
  )
  if (!checked.ok || checked.value.jti === undefined || !ALGORITHMS.has(alg)) return invalid
  const key = keys.find(alg, kid)
  if (key === undefined || !(await key.verify(signingInput, signature))) return invalid
  const claim = sha256Base64url(JSON.stringify(['resource server', server.id, checked.value.jti]))
  const used = await deps.store.claim(
    shardOfHash(claim),
    { key: claim, binding: '', until: checked.value.expiresAt },
    now,
  )
  return used === 'taken' ? refuse({ reason: 'resource_server_assertion_used' }) : ok(server)
}
