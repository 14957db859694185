import type { Command } from 'commander'
import { Option } from 'commander'
import { wholeNumber } from '../arguments.js'
import type { Bind } from '../context.js'
import { listGrants } from '../grants.js'
import { GRANT_COLUMNS, grantRow } from '../show-grant.js'
import { table } from '../text.js'

interface Options {
  readonly status?: string
  readonly limit: number
  readonly cursor?: string
}

const STATUSES = ['pending', 'active', 'denied', 'withdrawn', 'expired', 'completed', 'revoked']

export const grantsList = (parent: Command, bind: Bind): Command =>
  bind<Options, []>(
    parent
      .command('list')
      .description('grants that you may see: what waits for a decision, what is in force, what has ended')
      .addOption(new Option('--status <status>', 'only these').choices(STATUSES))
      .option('--limit <count>', 'how many at most', wholeNumber, 50)
      .option('--cursor <cursor>', 'go on where an earlier list ended')
      .addHelpText('after', '\nExample:\n  $ errand grants list --status pending'),
    async ({ session, output, io }, { status, limit, cursor }) => {
      const page = await listGrants(session.api(), session.personToken(), { status, cursor, limit: String(limit) })
      const rows = page.elements.map((grant) => grantRow(grant, io.clock.now()))
      output.result({ grants: page.elements, next_cursor: page.next }, () =>
        rows.length === 0 ? 'no grants' : table([GRANT_COLUMNS, ...rows]),
      )
      if (page.next !== undefined) output.note(`there are more: --cursor ${page.next}`)
      return undefined
    },
  )
