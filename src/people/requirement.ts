import type { EpochSeconds } from '../runtime/clock.js'
import type { PersonRequirement } from './source.js'

/** What both ask for: the shorter age, a class that both accept, all methods of either. */
export function joinRequirements(source: PersonRequirement, act: PersonRequirement = {}): PersonRequirement {
  const ages = [source.maxAge, act.maxAge].filter((age) => age !== undefined)
  const acrValues = joinClasses(source.acrValues, act.acrValues)
  const amr = [...new Set([...(source.amr ?? []), ...(act.amr ?? [])])]
  return {
    ...(ages.length === 0 ? {} : { maxAge: Math.min(...ages) }),
    ...(acrValues === undefined ? {} : { acrValues }),
    ...(amr.length === 0 ? {} : { amr }),
  }
}

/** An empty list accepts no class at all: two lists without a common value can be met by nobody. */
const joinClasses = (
  source: readonly string[] | undefined,
  act: readonly string[] | undefined,
): readonly string[] | undefined =>
  source === undefined || act === undefined ? (source ?? act) : source.filter((value) => act.includes(value))

export interface SignIn {
  readonly authTime: EpochSeconds
  readonly acr?: string
  readonly amr: readonly string[]
}

/** Recent enough, one of the accepted classes (`acr`), and every method asked for among those used (`amr`, RFC 8176). */
export function meetsRequirement(signIn: SignIn, requirement: PersonRequirement, now: EpochSeconds): boolean {
  const { maxAge, acrValues, amr } = requirement
  if (maxAge !== undefined && now - signIn.authTime > maxAge) return false
  if (acrValues !== undefined && (signIn.acr === undefined || !acrValues.includes(signIn.acr))) return false
  return amr === undefined || amr.every((method) => signIn.amr.includes(method))
}
