import type { Command } from 'commander'
import { grantId } from '../arguments.js'
import { assertionSource, withAssertion, type AssertionOptions } from '../assertion.js'
import type { Bind } from '../context.js'
import { readGrant } from '../grants.js'
import { showGrant } from '../show-grant.js'

export const grantsShow = (parent: Command, bind: Bind): Command =>
  bind<AssertionOptions, [id: string]>(
    withAssertion(
      parent
        .command('show')
        .description('one grant: who, what, why, how long, and who decided')
        .argument('<grant>', 'its id', grantId),
    ).addHelpText('after', '\nExample:\n  $ errand grants show gr_5c…'),
    async ({ session, output, io }, options, id) => {
      const assertion = assertionSource(options)
      const bearer = assertion === undefined ? session.personToken() : await assertion()
      const grant = await readGrant(session.api(), bearer, id)
      output.result(grant, () => showGrant(grant, io.clock.now()))
      return undefined
    },
  )
