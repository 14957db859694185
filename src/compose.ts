import type { Base } from './compose/base.js'
import { wireGrants } from './compose/grants.js'
import { readinessOf } from './compose/health.js'
import { openAuthorities, openKeyFile, openKeys } from './compose/open-keys.js'
import { openStores, type Acknowledged } from './compose/open-stores.js'
import { wirePki } from './compose/pki.js'
import { routesOf, type RouteParts } from './compose/routes.js'
import { wireTrust } from './compose/trust.js'
import { wireWhoAsks } from './compose/who-asks.js'
import type { Settings } from './config/settings.js'
import { createDelivery, type Delivery } from './exchange/delivery.js'
import type { Stores } from './grants/stores.js'
import { createEdge, type BoundAddress, type Edge } from './http/server.js'
import type { AuthorityRing } from './issuance/authority-ring.js'
import { createTokens } from './issuance/jwt.js'
import type { KeyRing } from './issuance/key-ring.js'
import { isSignedByOneOf } from './issuance/own-certificate.js'
import { createHasEnded } from './revocation/has-ended.js'
import { createSweeper, type Sweeper } from './revocation/sweeper.js'
import { systemClock, type Clock } from './runtime/clock.js'
import { createLifecycle, partOf } from './runtime/lifecycle.js'
import type { Log } from './runtime/log.js'
import { createMetrics } from './runtime/metrics.js'
import { createRateLimit } from './runtime/rate-limit.js'
import { createDpopNonces, type DpopNonces } from './workloads/dpop-nonce.js'

/** A running broker. This file and `compose/` alone wire the parts; each part gets exactly what it needs. */
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

export async function composeBroker(settings: Settings, options: ComposeOptions): Promise<Broker> {
  const { log, version, clock = systemClock } = options
  const metrics = createMetrics()
  const masterKey = openKeyFile(settings)
  const { stores, acknowledged } = await openStores({ settings, clock, log, metrics })
  try {
    return await composeOn({ settings, version, clock, log, metrics, masterKey, stores }, acknowledged)
  } catch (error) {
    await stores.close()
    throw error
  }
}

async function composeOn(base: Base, acknowledged: Acknowledged): Promise<Broker> {
  const { settings, clock, log, metrics, masterKey, stores } = base
  const keys = await openKeys(base)
  const authorities = await openAuthorities(base)
  const pki = wirePki(base, authorities, acknowledged)
  const trust = wireTrust(base)
  const dpopNonces = createDpopNonces({ key: masterKey.derive('dpop-nonce'), clock })
  const grants = wireGrants(base)
  const hasEnded = createHasEnded({
    authorities: () => authorities.all(),
    store: stores.issuance,
    safe: grants.safe,
    clock,
  })
  const whoAsks = wireWhoAsks(base, trust, dpopNonces, hasEnded)
  const tokens = createTokens({ ring: keys, issuer: settings.issuer })
  const delivery = createDelivery({ store: stores.issuance, clock, describe: grants.describe, log })
  const sweeper = createSweeper({ ...grants, deadlines: stores.deadlines, log, metrics })
  const edge = edgeOf(base, { keys, authorities, pki, trust, whoAsks, tokens, grants, delivery }, dpopNonces)

  let bound: readonly BoundAddress[] = []
  // Started in this order and stopped in reverse: first the listeners, last the store.
  const lifecycle = createLifecycle({
    log,
    stopWithinMs: STOP_WITHIN_MS,
    parts: [
      { name: 'store', stop: () => stores.close() },
      partOf('key ring', keys),
      partOf('authorities', authorities),
      partOf('certificate ends', pki.polling),
      partOf('issuer keys', trust),
      partOf('sweeper', sweeper),
      { name: 'delivery', stop: () => finish(delivery) },
      {
        name: 'listeners',
        start: async () => {
          bound = await edge.start()
        },
        stop: () => edge.stop(STOP_WITHIN_MS - 5000),
      },
    ],
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
    sweeper,
  }
}

function edgeOf(base: Base, parts: Omit<RouteParts, 'readiness'>, dpopNonces: DpopNonces): Edge {
  const { settings, clock, log, metrics } = base
  const { issuer, listen, limits } = settings
  const readiness = readinessOf(base, parts.keys, parts.trust.issuerKeys, () => edge.isStopping())
  const edge: Edge = createEdge({
    issuer,
    listen,
    routes: routesOf(base, { ...parts, readiness }),
    addressLimit: createRateLimit({ perMinute: limits.requestsPerMinute.address, clock }),
    bodyBytes: limits.bodyBytes,
    dpopNonce: () => dpopNonces.current(),
    isTakenBack: (chain) => isSignedByOneOf(parts.authorities.takenBack(), chain),
    clock,
    log,
    metrics,
  })
  return edge
}

async function finish(delivery: Delivery): Promise<void> {
  await delivery.flush()
  delivery.stop()
}
