import type { Command } from 'commander'
import { taskId } from '../arguments.js'
import { assertionSource, withAssertion, type AssertionOptions } from '../assertion.js'
import type { Bind } from '../context.js'
import { CommandError } from '../command-error.js'
import { openDpopKey, provingApi, type DpopKey } from '../dpop-key.js'
import { EXIT } from '../exit-codes.js'
import { showTask } from '../show-task.js'
import { completeTask } from '../tasks.js'
import { readCredential } from './proof.js'

interface Options extends AssertionOptions {
  readonly credentialFile?: string
  readonly dpopKey?: string
}

const EXAMPLES = `
Examples:
  $ errand tasks complete tk_5c… --assertion-file token.jwt
  $ errand tasks complete tk_5c… --credential-file credential --dpop-key key.pem`

export const tasksComplete = (parent: Command, bind: Bind): Command =>
  bind<Options, [id: string]>(
    withAssertion(
      parent
        .command('complete')
        .description('end a task: all its credentials are revoked, and its run is refused from then on')
        .argument('<task>', 'its id', taskId),
    )
      .option('--credential-file <file>', 'a credential of the task, that is bound to a key')
      .option('--dpop-key <file>', 'that key')
      .addHelpText('after', EXAMPLES),
    async ({ session, output, io }, options, id) => {
      const held = heldCredential(options)
      const assertion = assertionSource(options)
      const bearer = held?.credential ?? (assertion === undefined ? session.personToken() : await assertion())
      const api = held === undefined ? session.api() : provingApi(session.api(), held.key, io.clock)
      const task = await completeTask(api, bearer, id)
      output.result(task ?? { id }, () => showTask(id, task))
      return undefined
    },
  )

/** The holder of a bound credential: the two options go together. */
function heldCredential({ credentialFile, dpopKey }: Options): { credential: string; key: DpopKey } | undefined {
  if (credentialFile === undefined && dpopKey === undefined) return undefined
  if (credentialFile === undefined || dpopKey === undefined)
    throw new CommandError(
      EXIT.usage,
      '--credential-file and --dpop-key go together',
      'a credential that is bound to no key ends with an assertion of its run',
    )
  return { credential: readCredential(credentialFile), key: openDpopKey(dpopKey, () => undefined) }
}
