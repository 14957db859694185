import type { Draft } from './draft.js'
import type { Report } from './fault.js'
import { isSigned } from './tiers.js'

/**
 * What the configuration may say and this build cannot do. It does not load rather than promise what it does not keep
 * (contract §3). One rule for each, so that what builds the thing deletes its rule.
 */
type Rule = (draft: Draft, report: Report) => void

const notYet = 'is not in this build'

const policies: Rule = (draft, report) => {
  if (draft.policies !== undefined) report(['policies'], notYet, 'take it out: grants and allow rules decide')
}

const signedApprovals: Rule = (draft, report) => {
  for (const [name, entry] of draft.tiers) {
    if (entry === undefined || entry.approval === 'policy' || !isSigned(entry)) continue
    const message =
      entry.signed === true ? notYet : 'is true by default where people approve, which is not in this build'
    report(['tiers', name, 'signed'], message, 'write signed: false, if approvals by bearer token alone will do')
  }
}

const rules: readonly Rule[] = [policies, signedApprovals]

export function reportUnsupported(draft: Draft, report: Report): void {
  for (const rule of rules) rule(draft, report)
}
