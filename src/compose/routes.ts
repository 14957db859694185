import type { Delivery } from '../exchange/delivery.js'
import { createExchange, type Exchange } from '../exchange/exchange.js'
import type { GrantDeps } from '../grants/grant-deps.js'
import type { CallerDeps } from '../http/callers.js'
import { createCursors } from '../http/cursor.js'
import { authorizeRoute } from '../http/endpoints/authorize.js'
import { bundleRoute, caRoutes } from '../http/endpoints/ca.js'
import { crlRoutes } from '../http/endpoints/crl.js'
import { decisionRoutes } from '../http/endpoints/decide-grant.js'
import { evidenceRoute } from '../http/endpoints/evidence.js'
import { grantRoutes } from '../http/endpoints/grants.js'
import { healthRoutes } from '../http/endpoints/health.js'
import { introspectRoute } from '../http/endpoints/introspect.js'
import { jwksRoute } from '../http/endpoints/jwks.js'
import { metadataRoutes } from '../http/endpoints/metadata.js'
import { metricsRoute } from '../http/endpoints/metrics.js'
import { ocspRoutes } from '../http/endpoints/ocsp.js'
import { openapiRoute } from '../http/endpoints/openapi.js'
import { revokeRoute } from '../http/endpoints/revoke.js'
import { taskRoutes } from '../http/endpoints/tasks.js'
import { tokenRoute } from '../http/endpoints/token.js'
import type { CheckReadiness } from '../http/readiness.js'
import type { Route } from '../http/route.js'
import type { AuthorityRing } from '../issuance/authority-ring.js'
import type { Tokens } from '../issuance/jwt.js'
import type { KeyRing } from '../issuance/key-ring.js'
import { textMac, type TextMac } from '../issuance/mac.js'
import type { MetadataFacts } from '../oauth/metadata.js'
import { ALGORITHMS } from '../workloads/algorithms.js'
import { DPOP_ALGORITHMS } from '../workloads/dpop.js'
import { createStillTrusted } from '../workloads/still-trusted.js'
import type { Base } from './base.js'
import { collect } from './health.js'
import { algsOf } from './open-keys.js'
import { mutualTlsOf } from './origins.js'
import type { Pki } from './pki.js'
import type { Trust } from './trust.js'
import type { WhoAsks } from './who-asks.js'

/** The parts that the endpoints show. */
export interface RouteParts {
  readonly keys: KeyRing
  readonly authorities: AuthorityRing
  readonly pki: Pki
  readonly trust: Trust
  readonly whoAsks: WhoAsks
  readonly tokens: Tokens
  readonly grants: GrantDeps
  readonly delivery: Delivery
  readonly readiness: CheckReadiness
}

/** Every endpoint, with what it needs. */
export function routesOf(base: Base, parts: RouteParts): readonly Route[] {
  const { issuer } = base.settings
  const credentialMac = textMac(base.masterKey.derive('credential-mac'))
  const routes = [
    ...oauthRoutes(base, parts, credentialMac),
    ...apiRoutes(base, parts),
    ...publicRoutes(base, parts),
    ...healthRoutes(parts.readiness),
    metricsRoute(base.metrics, () => collect(base, parts)),
  ]
  return [...routes, openapiRoute({ issuer, version: base.version }, routes)]
}

function oauthRoutes(base: Base, parts: RouteParts, credentialMac: TextMac): readonly Route[] {
  const { settings, clock, log, metrics, stores } = base
  const { authorities, grants, tokens, delivery } = parts
  const { verifyWorkload, verifyPossession, verifyResourceServer, admit } = parts.whoAsks
  return [
    tokenRoute({ exchange: exchangeOf(base, parts, credentialMac), verifyPossession, delivery, metrics, log }),
    introspectRoute({
      issuer: settings.issuer,
      clock,
      tokens,
      store: stores.issuance,
      safe: grants.safe,
      credentialMac,
      authorities: () => authorities.believed(),
      verifyResourceServer,
    }),
    revokeRoute({
      ...grants,
      deferrals: stores.deferrals,
      tokens,
      verifyWorkload,
      verifyPossession,
      authorities: () => authorities.believed(),
      admit,
    }),
  ]
}

function exchangeOf(
  { settings, clock, masterKey, stores }: Base,
  { authorities, whoAsks, tokens, grants, delivery }: RouteParts,
  credentialMac: TextMac,
): Exchange {
  const { issuer, catalogue, ids, safe, describe } = grants
  return createExchange({
    issuer,
    catalogue,
    limits: settings.limits,
    clock,
    ids,
    stores,
    verifyWorkload: whoAsks.verifyWorkload,
    verifySvid: whoAsks.verifySvid,
    safe,
    tokens,
    delivery,
    describe,
    deferralMac: textMac(masterKey.derive('deferral-mac')),
    credentialMac,
    authority: () => authorities.current(),
    isStillTrusted: createStillTrusted(settings.workloads),
    admit: whoAsks.admit,
  })
}

/** The JSON API: grants, their decisions, tasks, and the evidence of all of them. */
function apiRoutes({ clock, masterKey, stores }: Base, { whoAsks, tokens, grants }: RouteParts): readonly Route[] {
  const callers: CallerDeps = { ...whoAsks, clock, tokens, proofs: stores.issuance }
  return [
    ...grantRoutes({ ...grants, callers, cursors: createCursors(textMac(masterKey.derive('list-cursor'))) }),
    ...decisionRoutes({ ...grants, callers }),
    ...taskRoutes({ ...grants, callers }),
    evidenceRoute({ evidence: stores.evidence, callers }),
  ]
}

/** What anybody may read: keys, authorities, what they have taken back, and how all of it is used. */
const publicRoutes = ({ settings }: Base, { keys, authorities, pki }: RouteParts): readonly Route[] => [
  jwksRoute(keys),
  ...caRoutes(authorities),
  bundleRoute(authorities),
  ...crlRoutes(pki.crls),
  ...ocspRoutes(pki.ocsp),
  authorizeRoute,
  ...metadataRoutes({
    issuer: settings.issuer,
    signingAlgs: algsOf(settings),
    clientAlgs: [...ALGORITHMS.keys()],
    dpopAlgs: DPOP_ALGORITHMS,
    ...mutualTlsOf(settings),
    certificateClients: settings.workloads.some(({ preset }) => preset === 'spiffe'),
    detailTypes: [
      ...new Set([...settings.catalogue.resources.values()].flatMap((resource) => [...resource.details.keys()])),
    ],
  } satisfies MetadataFacts),
]
