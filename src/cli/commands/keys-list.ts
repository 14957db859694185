import type { Command } from 'commander'
import { formatTime } from '../../runtime/clock.js'
import type { Bind } from '../context.js'
import { listKeys } from '../keys.js'
import { table } from '../text.js'

const COLUMNS = ['KEY', 'ALGORITHM', 'STATE', 'MADE', 'SIGNS SINCE', 'GONE AFTER'] as const

export const keysList = (parent: Command, bind: Bind): Command =>
  bind<object, []>(
    parent
      .command('list')
      .description('the keys that sign credentials: next, current, and retired ones that still verify')
      .addHelpText('after', '\nExample:\n  $ errand keys list'),
    async ({ session, output, io }) => {
      const keys = await listKeys(session.settings(), io)
      const at = (time: number | undefined): string => (time === undefined ? '' : formatTime(time))
      output.result({ keys }, () =>
        table([
          COLUMNS,
          ...keys.map((key) => [key.kid, key.alg, key.state, at(key.createdAt), at(key.activatedAt), at(key.removeAt)]),
        ]),
      )
      return undefined
    },
  )
