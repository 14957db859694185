import type { Settings } from '../config/settings.js'
import { createReadiness, type CheckReadiness, type IssuerState } from '../http/readiness.js'
import type { KeyRing } from '../issuance/key-ring.js'
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

/** Measures what is measured when somebody looks. */
export async function collect({ settings, stores, clock, metrics }: Base, issuerKeys: IssuerKeys): Promise<void> {
  const names = new Map(settings.workloads.map(({ name, issuer }) => [issuer, name]))
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
