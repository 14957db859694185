import type { Command } from 'commander'
import { taskId } from '../arguments.js'
import { requireAssertion, withAssertion, type AssertionOptions } from '../assertion.js'
import type { Bind } from '../context.js'
import { showTask } from '../show-task.js'
import { renewTask } from '../tasks.js'

export const tasksHeartbeat = (parent: Command, bind: Bind): Command =>
  bind<AssertionOptions, [id: string]>(
    withAssertion(
      parent
        .command('heartbeat')
        .description('say that a task is still worked on: renews its lease')
        .argument('<task>', 'its id', taskId),
    ).addHelpText('after', '\nExample:\n  $ errand tasks heartbeat tk_5c… --assertion-file token.jwt'),
    async ({ session, output }, options, id) => {
      const task = await renewTask(session.api(), await requireAssertion(options)(), id)
      output.result(task ?? { id }, () => showTask(id, task))
      return undefined
    },
  )
