import type { Command } from 'commander'
import { formatTime } from '../../runtime/clock.js'
import { listAuthorities } from '../authorities.js'
import type { Bind } from '../context.js'
import { table } from '../text.js'

const COLUMNS = ['ID', 'STATE', 'NAME', 'UNTIL', 'NOTE'] as const

export const caList = (parent: Command, bind: Bind): Command =>
  bind<object, []>(
    parent
      .command('list')
      .description(
        'the certificate authorities: next, current, retired ones whose certificates live, and what is above',
      )
      .addHelpText('after', '\nExample:\n  $ errand ca list\n\nThe CRL of each is at /crl/<id>, all of them at /crl.'),
    async ({ session, output, io }) => {
      const authorities = await listAuthorities(session.settings(), io)
      output.result({ authorities }, () =>
        table([
          COLUMNS,
          ...authorities.map((entry) => [
            entry.id,
            entry.state,
            entry.subject,
            formatTime(entry.notAfter),
            noteOf(entry),
          ]),
        ]),
      )
      return undefined
    },
  )

type Listed = Awaited<ReturnType<typeof listAuthorities>>[number]

function noteOf({ state, origin, takenBackAt, removeAt, crlUntil }: Listed): string {
  if (takenBackAt !== undefined) return `leaked: taken back ${formatTime(takenBackAt)}`
  if (removeAt !== undefined) return `gone after ${formatTime(removeAt)}`
  if (state === 'above')
    return crlUntil === undefined ? 'no CRL: `errand ca import-crl`' : `its CRL runs out ${formatTime(crlUntil)}`
  return origin === undefined ? '' : origin.replace('_', '-')
}
