import type { Command } from 'commander'
import { grantId } from '../arguments.js'
import type { Bind } from '../context.js'
import { readGrant, reviewGrant } from '../grants.js'

interface Options {
  readonly group?: string
  readonly reason?: string
}

export const grantsDeny = (parent: Command, bind: Bind): Command =>
  bind<Options, [id: string]>(
    parent
      .command('deny')
      .description('deny a grant: one denial ends it')
      .argument('<grant>', 'its id', grantId)
      .option('--group <group>', 'the group you decide for; needed only if you are in several that must')
      .option('--reason <text>', 'for the evidence, and for whoever asked')
      .addHelpText('after', '\nExample:\n  $ errand grants deny gr_5c… --reason "not during the freeze"'),
    async ({ session, output }, { group, reason }, id) => {
      const api = session.api()
      const bearer = session.personToken()
      const grant = await readGrant(api, bearer, id)
      const after = await reviewGrant(api, bearer, id, {
        decision: 'deny',
        digest: grant.digest,
        ...(group === undefined ? {} : { group }),
        ...(reason === undefined ? {} : { reason }),
      })
      output.result(after, () => `${id} is ${after.status}`)
      return undefined
    },
  )
