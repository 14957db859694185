import type { Settings } from '../config/settings.js'
import { createReadiness, type CheckReadiness, type IssuerState } from '../http/readiness.js'
import type { AuthorityRing } from '../issuance/authority-ring.js'
import type { KeyRing } from '../issuance/key-ring.js'
import type { ListedAuthority } from '../issuance/list-authorities.js'
import type { Crls } from '../revocation/crl.js'
import type { EpochSeconds } from '../runtime/clock.js'
import type { Metrics } from '../runtime/metrics.js'
import type { IssuerKeys } from '../workloads/issuer-keys.js'
import type { Base } from './base.js'

/** Whether requests are welcome here. */
export const readinessOf = (
  { settings, stores, clock, log }: Base,
  keys: KeyRing,
  issuerKeys: IssuerKeys,
  isStopping: () => boolean,
): CheckReadiness =>
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

function issuerStates({ workloads }: Settings, issuerKeys: IssuerKeys): Readonly<Record<string, IssuerState>> {
  const ages = new Map(issuerKeys.ages().map(({ issuer, seconds }) => [issuer, seconds]))
  const stateOf = (age: number | undefined) => (age === undefined ? 'unknown' : age <= FRESH ? 'fresh' : 'stale')
  // An attestation brings its keys along.
  const fetched = workloads.filter(({ attestation }) => attestation === undefined)
  return Object.fromEntries(fetched.map(({ name, issuer }) => [name, stateOf(ages.get(issuer))]))
}

/** What is looked at when somebody measures. */
export interface Measured {
  readonly keys: Pick<KeyRing, 'list'>
  readonly authorities: Pick<AuthorityRing, 'list'>
  readonly pki: { readonly crls: Pick<Crls, 'of'> }
  readonly trust: { readonly issuerKeys: Pick<IssuerKeys, 'ages'> }
}

/** Measures what is measured when somebody looks. */
export async function collect(
  { settings, stores, clock, metrics }: Base,
  { keys, authorities, pki, trust }: Measured,
): Promise<void> {
  const names = new Map(settings.workloads.map(({ name, issuer }) => [issuer, name]))
  for (const age of trust.issuerKeys.ages()) {
    const name = names.get(age.issuer)
    if (name !== undefined) metrics.jwksAge(name, age.seconds)
  }
  const now = clock.now()
  for (const { alg, state, createdAt, activatedAt = createdAt } of keys.list())
    if (state === 'current') metrics.signingKeyAge(alg, now - activatedAt)
  try {
    await measureAuthorities(authorities.list(), pki.crls, now, metrics)
    const { seconds, liveGrants } = await stores.deadlines.lag(now)
    metrics.sweeperLag(seconds)
    metrics.liveGrants(liveGrants)
  } catch {
    // The store is away, which its own metric tells; the others must still be had, then above all.
    return
  }
}

async function measureAuthorities(
  listed: readonly ListedAuthority[],
  crls: Pick<Crls, 'of'>,
  now: EpochSeconds,
  metrics: Metrics,
): Promise<void> {
  const inState = (wanted: ListedAuthority['state']) => listed.find(({ state }) => state === wanted)
  const [current, next] = [inState('current'), inState('next')]
  metrics.authorityEnds({
    ...(current !== undefined && { current: Math.min(current.notAfter, current.takenBackAt ?? Infinity) }),
    ...(next !== undefined && { next: next.notAfter }),
  })
  const ends = listed.flatMap(({ crlUntil }) => crlUntil ?? [])
  metrics.importedCrlEnds(ends.length === 0 ? undefined : Math.min(...ends))
  const crl = current && (await crls.of(current.id))
  metrics.crlAge(typeof crl === 'object' ? now - crl.thisUpdate : undefined)
}
