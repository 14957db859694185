import type { Command } from 'commander'
import { taskId } from '../arguments.js'
import { assertionSource, withAssertion, type AssertionOptions } from '../assertion.js'
import type { Bind } from '../context.js'
import { showTask } from '../show-task.js'
import { readTask } from '../tasks.js'

export const tasksShow = (parent: Command, bind: Bind): Command =>
  bind<AssertionOptions, [id: string]>(
    withAssertion(
      parent
        .command('show')
        .description('one task: whose it is, and whether it is open')
        .argument('<task>', 'its id', taskId),
    ).addHelpText('after', '\nExample:\n  $ errand tasks show tk_5c…'),
    async ({ session, output }, options, id) => {
      const assertion = assertionSource(options)
      const bearer = assertion === undefined ? session.personToken() : await assertion()
      const task = await readTask(session.api(), bearer, id)
      output.result(task ?? { id }, () => showTask(id, task))
      return undefined
    },
  )
