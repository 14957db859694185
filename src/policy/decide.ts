import { delegateCovers } from '../workloads/delegate.js'
import type { Workload } from '../workloads/workload.js'
import type { Guard } from './catalogue.js'

/**
 * policy/ answers one question: may they? It has no clock, no store and no logger: facts in, decision out. Deny is the
 * default: a guard whose approval is `policy` and that no rule matches refuses (contract §3).
 */
export type Decision =
  | {
      readonly permitted: true
      /** The rules that decided, for the evidence; empty where people decide. */ readonly rules: readonly string[]
    }
  | { readonly permitted: false }

/** Asks the rules for each guard that is theirs to decide. Guards that people decide are passed over here: `grants/` asks their reviews. */
export function decide(guards: readonly Guard[], workload: Workload): Decision {
  const rules: string[] = []
  for (const guard of guards) {
    if (guard.tier.approval !== 'policy') continue
    const rule = guard.allow.find((candidate) => delegateCovers(candidate, workload))
    if (rule === undefined) return { permitted: false }
    rules.push(rule.id)
  }
  return { permitted: true, rules }
}

/** Whether rules alone decide: nothing that is asked for needs a person. */
export const isForRules = (guards: readonly Guard[]): boolean =>
  guards.every((guard) => guard.tier.approval === 'policy')
