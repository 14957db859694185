import { CommandError } from '../command-error.js'
import { EXIT } from '../exit-codes.js'
import { parseGrant, parsePage, type GrantDocument } from '../wire.js'
import { errand } from './errand.js'

/** The person at this machine, who uses the command line: `errand grants list`, `show` and `approve`. */
export interface Approver {
  /** The one grant that waits. */
  findPending(): Promise<GrantDocument>
  /** Exactly what was shown: the digest names the terms. */
  approve(grant: GrantDocument): Promise<GrantDocument>
}

export const approverWith = (configFile: string, env: NodeJS.ProcessEnv): Approver => {
  const grants = (...args: readonly string[]) => errand(['grants', ...args, '--config', configFile], env)
  return {
    findPending: async () => {
      const { elements } = parsePage(await grants('list', '--status', 'pending'), 'grants', parseGrant)
      const [only, ...others] = elements
      if (only !== undefined && others.length === 0) return only
      throw new CommandError(EXIT.refused, `${elements.length} grants wait for a decision, and not one`)
    },
    approve: async ({ id, digest }) => parseGrant(await grants('approve', id, '--yes', '--digest', digest)),
  }
}
