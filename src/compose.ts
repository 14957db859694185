import { createPrivateKey } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Settings } from './config/settings.js'
import { describeEvents } from './evidence/describe-event.js'
import { createDelivery, type Delivery } from './exchange/delivery.js'
import { createExchange } from './exchange/exchange.js'
import type { GrantDeps } from './grants/grant-deps.js'
import { createGrantSafe } from './grants/grant-safe.js'
import type { Stores } from './grants/stores.js'
import { createCursors, type Cursors } from './http/cursor.js'
import { authorizeRoute } from './http/endpoints/authorize.js'
import { bundleRoute, caRoutes } from './http/endpoints/ca.js'
import { crlRoutes } from './http/endpoints/crl.js'
import { decisionRoutes } from './http/endpoints/decide-grant.js'
import { evidenceRoute } from './http/endpoints/evidence.js'
import { grantRoutes } from './http/endpoints/grants.js'
import { healthRoutes } from './http/endpoints/health.js'
import { introspectRoute } from './http/endpoints/introspect.js'
import { jwksRoute } from './http/endpoints/jwks.js'
import { metadataRoutes } from './http/endpoints/metadata.js'
import { metricsRoute } from './http/endpoints/metrics.js'
import { ocspRoutes } from './http/endpoints/ocsp.js'
import { openapiRoute } from './http/endpoints/openapi.js'
import { revokeRoute } from './http/endpoints/revoke.js'
import { taskRoutes } from './http/endpoints/tasks.js'
import { tokenRoute } from './http/endpoints/token.js'
import { createReadiness } from './http/readiness.js'
import type { Route } from './http/route.js'
import { createEdge, type BoundAddress, type Edge } from './http/server.js'
import { openAuthorityRing, type AuthorityRing } from './issuance/authority-ring.js'
import { createTokens, type Tokens } from './issuance/jwt.js'
import { openKeyRing, type KeyRing } from './issuance/key-ring.js'
import { checkMac, mac, textMac } from './issuance/mac.js'
import { macKey, openMasterKey, readMasterKey, type MasterKey } from './issuance/master-key.js'
import { createPolling, type Polling } from './issuance/polling.js'
import { createPersonVerifier } from './people/verify-person.js'
import type { SigningAlg } from './policy/catalogue.js'
import { createCertificateEnds } from './revocation/certificate-ends.js'
import { createCrls, type Crls } from './revocation/crl.js'
import { createOcsp, type AnswerOcsp } from './revocation/ocsp.js'
import { createSweeper, type Sweeper } from './revocation/sweeper.js'
import { boundedFetch } from './runtime/bounded-fetch.js'
import { systemClock, type Clock } from './runtime/clock.js'
import { randomIds } from './runtime/ids.js'
import { createLifecycle, type Lifecycle } from './runtime/lifecycle.js'
import type { Log } from './runtime/log.js'
import { measured } from './runtime/measured.js'
import { createMetrics, type Metrics } from './runtime/metrics.js'
import { createRateLimit } from './runtime/rate-limit.js'
import { openEmbeddedStores } from './storage/embedded/open.js'
import { openRedisStores } from './storage/redis/open.js'
import { ALGORITHMS } from './workloads/algorithms.js'
import { createDpopVerifier, DPOP_ALGORITHMS } from './workloads/dpop.js'
import { createDpopNonces, type DpopNonces } from './workloads/dpop-nonce.js'
import { createIssuerKeys, type IssuerKeys } from './workloads/issuer-keys.js'
import { createStillTrusted } from './workloads/still-trusted.js'
import { createPossessionVerifier } from './workloads/verify-possession.js'
import { createTokenReview } from './workloads/token-review.js'
import { createRevocationLists, type RevocationLists } from './workloads/revocation-lists.js'
import { createResourceServerVerifier } from './workloads/verify-resource-server.js'
import { createSvidVerifier } from './workloads/verify-svid.js'
import { createWorkloadVerifier } from './workloads/verify-workload.js'
import { limitKeyOf, type RateLimited } from './workloads/workload.js'

/** A running broker. This file alone picks adapters and wires the parts; each part gets exactly what it needs. */
export interface Broker {
  /** Binds its listeners and begins to sweep. */
  start(): Promise<readonly BoundAddress[]>
  /** Finishes what is in flight, then closes everything. Never throws. */
  stop(): Promise<void>
  readonly keys: KeyRing
  readonly authorities: AuthorityRing
  readonly stores: Stores
  readonly sweeper: Sweeper
}

export interface ComposeOptions {
  readonly log: Log
  readonly version: string
  readonly clock?: Clock
}

const STOP_WITHIN_MS = 15_000
const REFRESH_EVERY_MS = 30_000
/** Lines a minute, for each cluster: while an API server is away, each exchange of its pods fails. */
const LOGGED_REVIEW_FAILURES = 12

export async function composeBroker(settings: Settings, options: ComposeOptions): Promise<Broker> {
  const { log, clock = systemClock } = options
  const metrics = createMetrics()
  const masterKey = openKeyFile(settings)
  const acknowledged = { ends: 0 }
  const stores = await openStores(settings, clock, log, metrics, acknowledged)
  try {
    const keys = await openKeys(settings, stores, masterKey, clock, log)
    const authorities = await openAuthorities(settings, stores, masterKey, clock, log)
    const pki = wirePki({ stores, authorities, acknowledged, clock, log })
    const parts = wire(settings, { ...options, clock, log, metrics, stores, keys, authorities, pki, masterKey })
    let bound: readonly BoundAddress[] = []
    const lifecycle = lifecycleOf(parts, { stores, keys, authorities, pki, log }, async () => {
      bound = await parts.edge.start()
    })
    return {
      async start() {
        await lifecycle.start()
        return bound
      },
      stop: () => lifecycle.stop(),
      keys,
      authorities,
      stores,
      sweeper: parts.sweeper,
    }
  } catch (error) {
    await stores.close()
    throw error
  }
}

/** Beside the data by default; never in the store itself (invariant 8). */
function openKeyFile({ keys, dataDirectory }: Settings): MasterKey {
  if (keys.encryptionKeyFile !== undefined) return readMasterKey(keys.encryptionKeyFile, { ownerOnly: false })
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 })
  return openMasterKey(join(dataDirectory, 'encryption.key'))
}

/** Ends that this instance acknowledged: the next CRL has them. */
interface Acknowledged {
  ends: number
}

/** What ends something with certificates below it. Of those that fail nobody knows: they count, too. */
const ENDING = { grants: 'revise', tasks: 'end', issuance: 'endCredential' } as const satisfies {
  readonly [Port in keyof Stores]?: keyof Stores[Port]
}
const isEnding = (port: keyof Stores, verb: string): boolean =>
  port in ENDING && ENDING[port as keyof typeof ENDING] === verb

async function openStores(
  { store }: Settings,
  clock: Clock,
  log: Log,
  metrics: Metrics,
  acknowledged: Acknowledged,
): Promise<Stores> {
  const opened =
    store.kind === 'embedded'
      ? await openEmbeddedStores({ directory: store.directory, clock })
      : await openRedisStores({
          url: store.connectionUrl(),
          durability: store.durability,
          replicas: store.replicas,
          clock,
          onEvent: (event) => {
            log.warn(`redis_${event.kind}`, 'reason' in event ? { reason: event.reason } : {})
          },
        })
  const observe = (port: keyof Stores) => (verb: string, outcome: 'answered' | 'failed', seconds: number) => {
    metrics.storeCall(port, verb, outcome, seconds)
    if (isEnding(port, verb)) acknowledged.ends += 1
  }
  return {
    grants: measured(opened.grants, observe('grants')),
    deferrals: measured(opened.deferrals, observe('deferrals')),
    issuance: measured(opened.issuance, observe('issuance')),
    tasks: measured(opened.tasks, observe('tasks')),
    deadlines: measured(opened.deadlines, observe('deadlines')),
    certificates: measured(opened.certificates, observe('certificates')),
    evidence: measured(opened.evidence, observe('evidence')),
    keys: opened.keys,
    authorities: opened.authorities,
    ready: () => opened.ready(),
    close: () => opened.close(),
  }
}

function openKeys(settings: Settings, stores: Stores, masterKey: MasterKey, clock: Clock, log: Log): Promise<KeyRing> {
  return openKeyRing({
    store: stores.keys,
    masterKey,
    clock,
    algs: algsOf(settings),
    rotateEvery: settings.keys.rotateEvery,
    ids: randomIds,
    log,
  })
}

function openAuthorities(
  { pki, trustDomain }: Settings,
  stores: Stores,
  masterKey: MasterKey,
  clock: Clock,
  log: Log,
): Promise<AuthorityRing> {
  const { url, rotateEvery, given, rootCrlFile } = pki
  return openAuthorityRing({
    store: stores.authorities,
    masterKey,
    clock,
    place: { trustDomain, pkiUrl: url },
    rotateEvery,
    ...(given !== undefined && {
      given: { chain: readFileSync(given.certFile, 'utf8'), privateKey: createPrivateKey(readFileSync(given.keyFile)) },
    }),
    ...(rootCrlFile !== undefined && { rootCrl: readFileSync(rootCrlFile) }),
    ids: randomIds,
    log,
  })
}

interface Pki {
  readonly crls: Crls
  readonly ocsp: AnswerOcsp
  /** Looks for ends of other instances. */
  readonly polling: Polling
}

const FOLLOW_EVERY_MS = 500

function wirePki({
  stores,
  authorities,
  acknowledged,
  clock,
  log,
}: Pick<Given, 'stores' | 'authorities' | 'clock' | 'log'> & { readonly acknowledged: Acknowledged }): Pki {
  const ends = createCertificateEnds({ store: stores.certificates, clock })
  const crls = createCrls({ authorities, ends, acknowledged: () => acknowledged.ends, clock })
  return {
    crls,
    ocsp: createOcsp({ authorities, store: stores.issuance, ends, clock }),
    polling: createPolling(
      FOLLOW_EVERY_MS,
      () => crls.follow(),
      (error) => {
        log.warn('certificate_ends_not_read', { error })
      },
    ),
  }
}

/** Those that resources are signed for; tickets are always ES256. */
const algsOf = ({ catalogue, keys }: Settings): readonly SigningAlg[] => [
  ...new Set<SigningAlg>([
    'ES256',
    keys.signingAlg,
    ...[...catalogue.resources.values()].map((resource) => resource.signingAlg),
  ]),
]

interface Given extends ComposeOptions {
  readonly clock: Clock
  readonly metrics: Metrics
  readonly stores: Stores
  readonly keys: KeyRing
  readonly authorities: AuthorityRing
  readonly pki: Pki
  readonly masterKey: MasterKey
}

interface Parts {
  readonly edge: Edge
  readonly delivery: Delivery
  readonly sweeper: Sweeper
  readonly issuerKeys: IssuerKeys
  readonly revocationLists: RevocationLists
}

function wire(settings: Settings, given: Given): Parts {
  const { clock, log, metrics, stores, keys } = given
  const { issuer, catalogue, limits } = settings
  const describe = describeEvents({ ids: randomIds, policyDigest: catalogue.digest })
  const issuerKeys = openIssuerKeys(settings, clock, log)
  const revocationLists = createRevocationLists({
    files: settings.workloads.flatMap(({ attestation }) => attestation?.crlFiles ?? []),
    onFailed: (file, detail) => {
      log.warn('revocation_list_not_read', { detail: `${file}: ${detail}` })
    },
  })
  const tokens = createTokens({ ring: keys, issuer })
  const recordMac = macKey(given.masterKey)
  const safe = createGrantSafe(
    { issuer, mac: (text) => mac(recordMac, text), verifyMac: (text, tag) => checkMac(recordMac, text, tag) },
    (id) => {
      log.error('record_tampered', { grant_id: id })
    },
  )
  const delivery = createDelivery({ store: stores.issuance, clock, describe, log })
  const grants: GrantDeps = {
    issuer,
    catalogue,
    sources: new Map(settings.workloads.map((source) => [source.issuer, source])),
    limits,
    clock,
    ids: randomIds,
    stores,
    safe,
    describe,
  }
  const sweeper = createSweeper({ ...grants, deadlines: stores.deadlines, log, metrics })
  const dpopNonces = createDpopNonces({ key: given.masterKey.derive('dpop-nonce'), clock })
  const edge: Edge = createEdge({
    issuer,
    listen: settings.listen,
    routes: routesOf(settings, given, {
      grants,
      tokens,
      delivery,
      issuerKeys,
      revocationLists,
      dpopNonces,
      isStopping: () => edge.isStopping(),
    }),
    addressLimit: createRateLimit({ perMinute: limits.requestsPerMinute.address, clock }),
    bodyBytes: limits.bodyBytes,
    dpopNonce: () => dpopNonces.current(),
    clock,
    log,
    metrics,
  })
  return { edge, delivery, sweeper, issuerKeys, revocationLists }
}

function openIssuerKeys(settings: Settings, clock: Clock, log: Log): IssuerKeys {
  const people = settings.people.filter((source) => source.kind === 'oidc')
  return createIssuerKeys({
    fetch: boundedFetch,
    clock,
    issuers: [...settings.workloads.filter(({ attestation }) => attestation === undefined), ...people],
    onFetched: (url, { usable, ignored }) => {
      log.info('issuer_keys_fetched', {
        issuer: url,
        count: usable,
        ...(ignored === 0 ? {} : { detail: `${ignored} keys are unknown or weak: ignored` }),
      })
    },
    onFetchFailed: (url, failure) => {
      log.warn('issuer_keys_not_fetched', { issuer: url, reason: failure.reason })
    },
  })
}

interface Wired {
  readonly grants: GrantDeps
  readonly tokens: Tokens
  readonly delivery: Delivery
  readonly issuerKeys: IssuerKeys
  readonly revocationLists: RevocationLists
  readonly dpopNonces: DpopNonces
  readonly isStopping: () => boolean
}

function routesOf(
  settings: Settings,
  given: Given,
  { grants, tokens, delivery, issuerKeys, revocationLists, dpopNonces, isStopping }: Wired,
): readonly Route[] {
  const { clock, log, metrics, stores, keys, authorities, pki } = given
  const { issuer, catalogue, limits } = settings
  const people = settings.people.filter((source) => source.kind === 'oidc')
  const reviewLog = createRateLimit({ perMinute: LOGGED_REVIEW_FAILURES, clock })
  const reviewToken = createTokenReview({
    fetch: boundedFetch,
    onFailed: (url, failure) => {
      if (reviewLog.take(url) !== undefined) return
      log.warn('token_not_reviewed', {
        issuer: url,
        reason: failure.reason,
        ...('status' in failure ? { status: failure.status } : {}),
      })
    },
  })
  const verifyWorkload = createWorkloadVerifier({
    sources: settings.workloads,
    trustDomain: settings.trustDomain,
    ownIssuer: issuer,
    clock,
    keys: issuerKeys,
    reviewToken,
    revocationLists,
    peopleAudiences: new Map(people.map((source) => [source.issuer, source.audiences])),
  })
  const verifySvid = createSvidVerifier({
    sources: settings.workloads,
    trustDomain: settings.trustDomain,
    clock,
    keys: issuerKeys,
  })
  const verifyPerson = createPersonVerifier({
    sources: settings.people,
    roles: settings.roles,
    clock,
    keys: issuerKeys,
    ownIssuer: issuer,
    workloadAudiences: new Map(settings.workloads.map((source) => [source.issuer, source.audiences])),
  })
  const verifyPossession = createPossessionVerifier(
    createDpopVerifier({ origins: originsOf(settings), clock, nonces: dpopNonces }),
  )
  const workloadLimit = createRateLimit({ perMinute: limits.requestsPerMinute.workload, clock })
  const admit = (caller: RateLimited): number | undefined => {
    const wait = workloadLimit.take(limitKeyOf(caller))
    if (wait !== undefined) metrics.limited('workload')
    return wait
  }
  const certificateMac = textMac(given.masterKey.derive('certificate-mac'))
  const exchange = createExchange({
    issuer,
    catalogue,
    limits,
    clock,
    ids: randomIds,
    stores,
    verifyWorkload,
    verifySvid,
    safe: grants.safe,
    tokens,
    delivery,
    describe: grants.describe,
    deferralMac: textMac(given.masterKey.derive('deferral-mac')),
    certificateMac,
    authority: () => authorities.current(),
    isStillTrusted: createStillTrusted(settings.workloads),
    admit,
  })
  const callers = {
    clock,
    tokens,
    verifyWorkload,
    verifySvid,
    verifyPerson,
    verifyPossession,
    proofs: stores.issuance,
    admit,
  }
  const verifyResourceServer = createResourceServerVerifier({
    catalogue,
    audiences: [issuer, `${issuer}/introspect`, `${issuer}/token`],
    clock,
    store: stores.issuance,
  })
  const routes = [
    tokenRoute({ exchange, verifyPossession, delivery, metrics, log }),
    introspectRoute({
      issuer,
      clock,
      tokens,
      store: stores.issuance,
      safe: grants.safe,
      certificateMac,
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
    }),
    ...grantRoutes({ ...grants, callers, cursors: cursorsOf(given.masterKey) }),
    ...decisionRoutes({ ...grants, callers }),
    ...taskRoutes({ ...grants, callers }),
    evidenceRoute({ evidence: stores.evidence, callers }),
    jwksRoute(keys),
    ...caRoutes(authorities),
    bundleRoute(authorities),
    ...crlRoutes(pki.crls),
    ...ocspRoutes(pki.ocsp),
    authorizeRoute,
    ...metadataRoutes({
      issuer,
      signingAlgs: algsOf(settings),
      clientAlgs: [...ALGORITHMS.keys()],
      dpopAlgs: DPOP_ALGORITHMS,
      ...mutualTlsOf(settings),
      detailTypes: [...new Set([...catalogue.resources.values()].flatMap((resource) => [...resource.details.keys()]))],
    }),
    ...healthRoutes(readinessOf(settings, given, issuerKeys, isStopping)),
    metricsRoute(metrics, () => collect(settings, given, issuerKeys)),
  ]
  return [...routes, openapiRoute({ issuer, version: given.version }, routes)]
}

/** Where clients can show certificates, as the metadata has it. Of several such listeners, the first. */
function mutualTlsOf({ listen, issuer }: Settings): { mutualTls: boolean; mutualTlsBase: string | undefined } {
  const [first] = listen.filter(({ serve }) => serve.includes('mtls'))
  const base =
    first?.mtlsOrigin === undefined ? undefined : first.mtlsOrigin + issuer.slice(new URL(issuer).origin.length)
  return { mutualTls: first !== undefined, mutualTlsBase: base }
}

/** Every origin under which clients reach the endpoints: what `htu` of a DPoP proof may name. */
const originsOf = ({ listen, issuer }: Settings): readonly string[] => [
  new URL(issuer).origin,
  ...listen.flatMap(({ mtlsOrigin }) => mtlsOrigin ?? []),
]

function cursorsOf(masterKey: MasterKey): Cursors {
  const key = masterKey.derive('list-cursor')
  return createCursors({ mac: (text) => mac(key, text), verifyMac: (text, tag) => checkMac(key, text, tag) })
}

const readinessOf = (
  settings: Settings,
  { stores, keys, clock, log }: Given,
  issuerKeys: IssuerKeys,
  isStopping: () => boolean,
) =>
  createReadiness({
    storeReady: () => stores.ready(),
    keysLoaded: () => keys.jwks().keys.length > 0,
    issuers: () => issuerStates(settings, issuerKeys),
    isStopping,
    clock,
    log,
  })

/** Seconds after which keys should have been fetched again. */
const FRESH = 660

function issuerStates(
  { workloads }: Settings,
  issuerKeys: IssuerKeys,
): Readonly<Record<string, 'fresh' | 'stale' | 'unknown'>> {
  const ages = new Map(issuerKeys.ages().map(({ issuer, seconds }) => [issuer, seconds]))
  const stateOf = (age: number | undefined) => (age === undefined ? 'unknown' : age <= FRESH ? 'fresh' : 'stale')
  // An attestation brings its keys along.
  const fetched = workloads.filter(({ attestation }) => attestation === undefined)
  return Object.fromEntries(fetched.map(({ name, issuer }) => [name, stateOf(ages.get(issuer))]))
}

/** What is measured when somebody looks. */
async function collect(
  { workloads }: Settings,
  { stores, clock, metrics }: Given,
  issuerKeys: IssuerKeys,
): Promise<void> {
  const names = new Map(workloads.map(({ name, issuer }) => [issuer, name]))
  for (const age of issuerKeys.ages()) {
    const name = names.get(age.issuer)
    if (name !== undefined) metrics.jwksAge(name, age.seconds)
  }
  try {
    const { seconds, liveGrants } = await stores.deadlines.lag(clock.now())
    metrics.sweeperLag(seconds)
    metrics.liveGrants(liveGrants)
  } catch {
    // The store is away, which its own metric tells; the others must still be had, then above all.
    return
  }
}

/** Stopped in reverse: first the listeners, last the store. */
function lifecycleOf(
  parts: Parts,
  { stores, keys, authorities, pki, log }: Pick<Given, 'stores' | 'keys' | 'authorities' | 'pki' | 'log'>,
  listen: () => Promise<void>,
): Lifecycle {
  const refresh = setInterval(() => {
    void parts.issuerKeys.refreshDue()
    void parts.revocationLists.refresh()
  }, REFRESH_EVERY_MS)
  refresh.unref()
  return createLifecycle({
    log,
    stopWithinMs: STOP_WITHIN_MS,
    parts: [
      { name: 'store', stop: () => stores.close() },
      {
        name: 'key ring',
        start: () => {
          keys.start()
        },
        stop: () => {
          keys.stop()
        },
      },
      {
        name: 'authorities',
        start: () => {
          authorities.start()
        },
        stop: () => {
          authorities.stop()
        },
      },
      {
        name: 'certificate ends',
        start: () => {
          pki.polling.start()
        },
        stop: () => {
          pki.polling.stop()
        },
      },
      {
        name: 'issuer keys',
        start: () => {
          void parts.issuerKeys.refreshDue()
          return parts.revocationLists.refresh()
        },
        stop: () => {
          clearInterval(refresh)
        },
      },
      {
        name: 'sweeper',
        start: () => {
          parts.sweeper.start()
        },
        stop: () => parts.sweeper.stop(),
      },
      {
        name: 'delivery',
        stop: async () => {
          await parts.delivery.flush()
          parts.delivery.stop()
        },
      },
      { name: 'listeners', start: listen, stop: () => parts.edge.stop(STOP_WITHIN_MS - 5000) },
    ],
  })
}
