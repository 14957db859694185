import type { Command } from 'commander'
import { grantId } from '../arguments.js'
import { assertionSource, withAssertion, type AssertionOptions } from '../assertion.js'
import type { Bind } from '../context.js'
import { endGrant } from '../grants.js'

export const grantsRevoke = (parent: Command, bind: Bind): Command =>
  bind<AssertionOptions, [id: string]>(
    withAssertion(
      parent
        .command('revoke')
        .description(
          'end a grant now, with all its tasks and credentials; while it is pending, its requester withdraws it',
        )
        .argument('<grant>', 'its id', grantId),
    ).addHelpText('after', '\nExample:\n  $ errand grants revoke gr_5c…'),
    async ({ session, output }, options, id) => {
      const assertion = assertionSource(options)
      const bearer = assertion === undefined ? session.personToken() : await assertion()
      const after = await endGrant(session.api(), bearer, id)
      output.result(after, () => `${id} is ${after.status}`)
      return undefined
    },
  )
