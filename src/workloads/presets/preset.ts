import { plainText } from '../../oauth/plain-text.js'
import type { Claims } from '../claims.js'
import type { ClaimMapping, PresetName } from '../source.js'
import type { Reuse } from '../workload.js'

/** What is known of a kind of issuer before anybody configures one. */
export interface Preset {
  readonly name: PresetName
  /** Defaults for `WorkloadSource.mapping`. */
  readonly mapping: ClaimMapping
  /** Only `generic` lets the configuration state the mapping: elsewhere another anchor would name another thing. */
  readonly mappingIsConfigurable: boolean
  readonly reuse: Reuse
  /** Default for `WorkloadSource.algorithms`: what the issuer signs with. */
  readonly algorithms: readonly string[]
  /** The source names who started a run, but this assertion cannot say it of this run. */
  starterIsUnknown(claims: Claims): boolean
  /** What the assertion says of the job, for people. Never decided on. */
  describe(claims: Claims): string
  /** A link to the run, for people, where the claims give one. */
  referenceTo(claims: Claims, issuer: string): string | undefined
}

/** One line of what strangers wrote: whoever names a branch or a workflow writes these claims. */
export const readable = (text: string): string => plainText(text).slice(0, 200)
