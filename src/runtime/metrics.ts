import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

/**
 * What is measured. Labels are names from our own code only: outcomes, reason codes, route templates, store verbs and
 * configured names. Nothing that a caller sends becomes a label, so the number of series is fixed by the build and the
 * configuration.
 */
export interface Metrics {
  /** One request to `/token`: what became of it, and why (`none` when it was granted). */
  exchange(outcome: ExchangeOutcome, reason: string, seconds: number): void
  /** One HTTP answer, by the route's template. */
  request(route: string, method: string, status: number, seconds: number): void
  /** A call to the store: the port and its verb. */
  storeCall(port: string, verb: string, outcome: 'answered' | 'failed', seconds: number): void
  liveGrants(count: number): void
  /** How far behind the oldest deadline is. */
  sweeperLag(seconds: number): void
  swept(kind: 'grant' | 'task' | 'credential', count: number): void
  /** How long ago the keys of a trusted issuer were fetched; by its configured name. */
  jwksAge(source: string, seconds: number): void
  /** When the issuing authorities can sign no more; one that is not there is not told of. */
  authorityEnds(ends: Readonly<Partial<Record<'current' | 'next', number>>>): void
  /** How long ago the keys that sign now began to, by algorithm. */
  signingKeyAge(alg: string, seconds: number): void
  /** How old the CRL of the authority that signs now is; `undefined` when none is in force. */
  crlAge(seconds: number | undefined): void
  /** When the first of the imported CRLs runs out; `undefined` without any. */
  importedCrlEnds(at: number | undefined): void
  /** Somebody proved nothing: counted here, and nowhere else (invariant 14). */
  unverified(reason: string): void
  /** A request was turned away for coming too fast. */
  limited(by: 'address' | 'workload'): void
  readonly contentType: string
  /** The Prometheus text format. */
  text(): Promise<string>
}

export type ExchangeOutcome = 'issued' | 'ticket' | 'deferred' | 'pending' | 'refused' | 'fault'

const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]
/**
 * A reason is a code of ours. More of them than this, or another shape, would be a mistake: they are counted together.
 */
const REASON = /^[a-z][a-z0-9_]{0,63}$/
const MAX_REASONS = 200

/** Each broker has a registry of its own, so that several can live in one process. */
export function createMetrics({ runtimeMetrics = true }: { readonly runtimeMetrics?: boolean } = {}): Metrics {
  const registry = new Registry()
  const registers = [registry]
  if (runtimeMetrics) collectDefaultMetrics({ register: registry })

  const exchanges = new Counter({
    name: 'errand_exchanges_total',
    help: 'Requests to the token endpoint by outcome and reason',
    labelNames: ['outcome', 'reason'] as const,
    registers,
  })
  const exchangeSeconds = new Histogram({
    name: 'errand_exchange_duration_seconds',
    help: 'Time from the first byte of a token request to its answer, by outcome',
    labelNames: ['outcome'] as const,
    buckets: LATENCY_BUCKETS,
    registers,
  })
  const requests = new Counter({
    name: 'errand_http_requests_total',
    help: 'HTTP answers by route, method and status',
    labelNames: ['route', 'method', 'status'] as const,
    registers,
  })
  const requestSeconds = new Histogram({
    name: 'errand_http_request_duration_seconds',
    help: 'Time to answer by route',
    labelNames: ['route'] as const,
    buckets: LATENCY_BUCKETS,
    registers,
  })
  const storeSeconds = new Histogram({
    name: 'errand_store_duration_seconds',
    help: 'Time of a call to the store by port, verb and outcome',
    labelNames: ['port', 'verb', 'outcome'] as const,
    buckets: LATENCY_BUCKETS,
    registers,
  })
  const liveGrants = new Gauge({ name: 'errand_live_grants', help: 'Grants that are active', registers })
  const sweeperLag = new Gauge({
    name: 'errand_sweeper_lag_seconds',
    help: 'How long the oldest deadline has been due; 0 when nothing is due',
    registers,
  })
  const swept = new Counter({
    name: 'errand_swept_total',
    help: 'Deadlines that were dealt with, by kind',
    labelNames: ['kind'] as const,
    registers,
  })
  const jwksAge = new Gauge({
    name: 'errand_jwks_age_seconds',
    help: 'How long ago the keys of a trusted issuer were fetched, by its configured name',
    labelNames: ['source'] as const,
    registers,
  })
  const authorityEnds = new Gauge({
    name: 'errand_ca_expiry_timestamp_seconds',
    help: 'When the issuing authority that signs now, or the next one, can sign no more',
    labelNames: ['state'] as const,
    registers,
  })
  const signingKeyAge = new Gauge({
    name: 'errand_signing_key_age_seconds',
    help: 'How long the current signing key has signed, by algorithm',
    labelNames: ['alg'] as const,
    registers,
  })
  // Without a value there is no series: an alert that asks for absence sees it.
  const crlAge = new Gauge({
    name: 'errand_crl_age_seconds',
    help: 'How old the CRL of the issuing authority is; absent when none is in force',
    labelNames: [] as const,
    registers,
  })
  const importedCrlEnds = new Gauge({
    name: 'errand_imported_crl_expiry_timestamp_seconds',
    help: 'When the first of the imported CRLs runs out; absent without any',
    labelNames: [] as const,
    registers,
  })
  const unverified = new Counter({
    name: 'errand_unverified_attempts_total',
    help: 'Requests whose caller proved nothing, by reason',
    labelNames: ['reason'] as const,
    registers,
  })
  const limited = new Counter({
    name: 'errand_rate_limited_total',
    help: 'Requests that came too fast, by what they were counted under',
    labelNames: ['by'] as const,
    registers,
  })
  for (const gauge of [crlAge, importedCrlEnds]) gauge.remove()
  const reasons = new Set<string>()
  const reasonOf = (reason: string): string => {
    if (reasons.has(reason)) return reason
    if (!REASON.test(reason) || reasons.size >= MAX_REASONS) return 'other'
    reasons.add(reason)
    return reason
  }

  return {
    exchange(outcome, reason, seconds) {
      exchanges.inc({ outcome, reason: reasonOf(reason) })
      exchangeSeconds.observe({ outcome }, seconds)
    },
    request(route, method, status, seconds) {
      requests.inc({ route, method, status: String(status) })
      requestSeconds.observe({ route }, seconds)
    },
    storeCall(port, verb, outcome, seconds) {
      storeSeconds.observe({ port, verb, outcome }, seconds)
    },
    liveGrants: (count) => {
      liveGrants.set(count)
    },
    sweeperLag: (seconds) => {
      sweeperLag.set(seconds)
    },
    swept: (kind, count) => {
      swept.inc({ kind }, count)
    },
    jwksAge: (source, seconds) => {
      jwksAge.set({ source }, seconds)
    },
    authorityEnds(ends) {
      authorityEnds.reset()
      for (const state of ['current', 'next'] as const) {
        const at = ends[state]
        if (at !== undefined) authorityEnds.set({ state }, at)
      }
    },
    signingKeyAge: (alg, seconds) => {
      signingKeyAge.set({ alg }, seconds)
    },
    crlAge: (seconds) => {
      setOrRemove(crlAge, seconds)
    },
    importedCrlEnds: (at) => {
      setOrRemove(importedCrlEnds, at)
    },
    unverified: (reason) => {
      unverified.inc({ reason: reasonOf(reason) })
    },
    limited: (by) => {
      limited.inc({ by })
    },
    contentType: registry.contentType,
    text: () => registry.metrics(),
  }
}

function setOrRemove(gauge: Gauge<never>, value: number | undefined): void {
  if (value === undefined) gauge.remove()
  else gauge.set(value)
}
