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
  /** Default for `WorkloadSource.maxAge`. */
  readonly maxAge?: number
  /** How the provider writes its issuers, where there is one way: any other is a slip that would believe nobody, or everybody. */
  readonly issuerForm?: IssuerForm
  /** The source names who started a run, but this assertion cannot say it of this run. */
  starterIsUnknown(claims: Claims): boolean
  /** The starter's id within `mapping.startedBy`, where that claim says more than the id. */
  starterIn?(text: string): string | undefined
  /** The claim that shows that this token, though the issuer signed it, is a person's. */
  claimOfAPerson?(claims: Claims): string | undefined
  /** What the assertion says of the job, for people. Never decided on. */
  describe(claims: Claims): string
  /** A link to the run, for people, where the claims give one. */
  referenceTo(claims: Claims, issuer: string): string | undefined
}

export interface IssuerForm {
  fits(issuer: string): boolean
  /** What to write instead, in words. */
  readonly expects: string
}

/** One line of what strangers wrote: whoever names a branch or a workflow writes these claims. */
export const readable = (text: string): string => plainText(text).slice(0, 200)

/** An issuer that matches as a whole. */
export const issuerLike = (pattern: RegExp, expects: string): IssuerForm => ({
  fits: (issuer) => pattern.test(issuer),
  expects,
})
