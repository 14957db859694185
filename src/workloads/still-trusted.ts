import { compileConditions } from './conditions.js'
import type { WorkloadSource } from './source.js'
import type { Workload } from './workload.js'

/**
 * Whether a workload that was verified a while ago would be believed today: its source is configured still, under the same
 * name, with the same anchor, and requires nothing that its claims do not have.
 */
export function createStillTrusted(sources: readonly WorkloadSource[]): (workload: Workload) => boolean {
  const known = new Map(
    sources.map((source) => [source.issuer, { source, require: compileConditions(source.require) }]),
  )
  return ({ issuer, source, anchor, claims }) => {
    const today = known.get(issuer)
    if (today?.source.name !== source || today.source.mapping.anchor !== anchor.claim) return false
    return today.require.ok && today.require.value.unmet(claims) === undefined
  }
}
