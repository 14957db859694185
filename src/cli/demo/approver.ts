import { CommandError } from '../command-error.js'
import { EXIT } from '../exit-codes.js'
import { checkTerms, listGrants, readGrant, reviewGrant } from '../grants.js'
import type { Session } from '../session.js'
import type { GrantDocument } from '../wire.js'

/** The local person, who does what `errand grants list`, `show` and `approve` do. */
export interface Approver {
  /** The one grant that waits. */
  findPending(): Promise<GrantDocument>
  approve(grant: GrantDocument): Promise<GrantDocument>
}

export const approverOf = (session: Session): Approver => ({
  findPending: async () => {
    const { elements } = await listGrants(session.api(), session.personToken(), { status: 'pending' })
    const [only, ...others] = elements
    if (only === undefined || others.length > 0)
      throw new CommandError(EXIT.refused, `one grant should wait for a decision, but it is ${elements.length}`)
    return readGrant(session.api(), session.personToken(), only.id)
  },
  approve: async (grant) => {
    await checkTerms(session.api(), grant)
    const body = { decision: 'approve', digest: grant.digest, reason: 'the release was announced' } as const
    return reviewGrant(session.api(), session.personToken(), grant.id, body)
  },
})
