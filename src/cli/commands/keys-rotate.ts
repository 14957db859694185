import type { Command } from 'commander'
import { formatTime } from '../../runtime/clock.js'
import { CommandError } from '../command-error.js'
import type { Bind } from '../context.js'
import { EXIT } from '../exit-codes.js'
import { rotateKeys } from '../keys.js'

interface Options {
  readonly atOnce?: boolean
}

const EXAMPLES = `
Examples:
  $ errand keys rotate                what was signed goes on verifying until it expires
  $ errand keys rotate --at-once      a key leaked: do not wait until verifiers know the next one`

export const keysRotate = (parent: Command, bind: Bind): Command =>
  bind<Options, []>(
    parent
      .command('rotate')
      .description('sign with the next keys from now on, and publish new ones')
      .option('--at-once', 'even if verifiers may not know the next keys yet')
      .addHelpText('after', EXAMPLES),
    async ({ session, output, io }, { atOnce = false }) => {
      const rotated = await rotateKeys(session.settings(), io, atOnce)
      if (!rotated.ok) {
        throw new CommandError(
          EXIT.refused,
          `the next keys were published a short time ago: verifiers know them from ${formatTime(rotated.refusal.usableAt)} on`,
          'try again then, or add --at-once when a key has leaked',
          rotated.refusal.reason,
        )
      }
      const { activated, retired, published } = rotated.value
      output.result(rotated.value, () =>
        [
          `signs now:  ${activated.join(', ')}`,
          `retired:    ${retired.join(', ')}`,
          `published:  ${published.join(', ')}`,
        ].join('\n'),
      )
      return undefined
    },
  )
