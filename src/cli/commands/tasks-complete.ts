import type { Command } from 'commander'
import { taskId } from '../arguments.js'
import { assertionSource, withAssertion, type AssertionOptions } from '../assertion.js'
import type { Bind } from '../context.js'
import { showTask } from '../show-task.js'
import { completeTask } from '../tasks.js'

export const tasksComplete = (parent: Command, bind: Bind): Command =>
  bind<AssertionOptions, [id: string]>(
    withAssertion(
      parent
        .command('complete')
        .description('end a task: all its credentials are revoked, and its run is refused from then on')
        .argument('<task>', 'its id', taskId),
    ).addHelpText('after', '\nExample:\n  $ errand tasks complete tk_5c… --assertion-file token.jwt'),
    async ({ session, output }, options, id) => {
      const assertion = assertionSource(options)
      const bearer = assertion === undefined ? session.personToken() : await assertion()
      const task = await completeTask(session.api(), bearer, id)
      output.result(task ?? { id }, () => showTask(id, task))
      return undefined
    },
  )
