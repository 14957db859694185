import type { IssueResult } from './issue.js'
import type { ExchangeRefusal } from './refusal.js'

/** What the store's answer means for the caller. `undefined`: something moved, look again and decide again. */
export function issueRefusal(result: Extract<IssueResult, { refused: unknown }>): ExchangeRefusal | undefined {
  switch (result.refused) {
    // What just ended or filled up is looked at again: the answer is the one that is given to whoever comes a moment later.
    case 'conflict':
    case 'grant_ended':
    case 'over_tasks':
      return undefined
    case 'claim_taken':
      return { reason: 'assertion_used' }
    case 'run_ended':
    case 'task_ended':
    case 'parent_ended':
    case 'ticket_used':
    case 'over_children':
      return { reason: result.refused }
    case 'no_time_left':
      return { reason: 'grant_not_usable' }
    case 'deferral_closed':
      return { reason: 'deferral_redeemed' }
  }
}
