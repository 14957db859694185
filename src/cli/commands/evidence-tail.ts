import type { Command } from 'commander'
import { Option } from 'commander'
import { setTimeout as sleep } from 'node:timers/promises'
import { EVIDENCE_STREAMS } from '../../evidence/event.js'
import { formatTime } from '../../runtime/clock.js'
import { grantId, seconds, taskId, wholeNumber } from '../arguments.js'
import { CommandError } from '../command-error.js'
import type { Bind, Context } from '../context.js'
import { readEvents, type EventQuery } from '../events.js'
import { EXIT } from '../exit-codes.js'
import { eventRow } from '../show-event.js'
import { table } from '../text.js'
import type { EventDocument } from '../wire.js'

interface Options {
  readonly follow?: boolean
  readonly lines: number
  readonly stream?: string
  readonly grant?: string
  readonly task?: string
  readonly workload?: string
  readonly person?: string
  readonly since?: number
}

const POLL_MS = 1000
const EXAMPLES = `
Examples:
  $ errand evidence tail --grant gr_5c…
  $ errand evidence tail --follow --stream revocation --json`

export const evidenceTail = (parent: Command, bind: Bind): Command =>
  bind<Options, []>(
    parent
      .command('tail')
      .description('the latest events of the evidence; for auditors')
      .option('-f, --follow', 'go on, and print what happens')
      .option('-n, --lines <count>', 'how many of what has happened', wholeNumber, 50)
      .addOption(new Option('--stream <stream>', 'only this story').choices(EVIDENCE_STREAMS))
      .option('--grant <grant>', 'only of this grant', grantId)
      .option('--task <task>', 'only of this task', taskId)
      .option('--workload <spiffe-id>', 'only of this workload')
      .option('--person <person>', 'only of this person')
      .option('--since <time>', 'only what is younger than this: 15m, 1d', seconds)
      .addHelpText('after', EXAMPLES),
    async (context, options) => {
      const { events, newer } = await readLast(context, queryOf(options, context), options.lines)
      print(context, events)
      if (options.follow === true) await follow(context, queryOf(options, context), newer)
      return undefined
    },
  )

function queryOf(options: Options, { io }: Context): EventQuery {
  const { stream, grant, task, workload, person, since } = options
  const from = since === undefined ? undefined : formatTime(io.clock.now() - since)
  return { stream, grant_id: grant, task_id: task, workload, person, since: from }
}

/** As the API has it (`limit`). */
const LONGEST_PAGE = 1000

interface Last {
  readonly events: readonly EventDocument[]
  /** What comes later is read on from here. */
  readonly newer: string | undefined
}

/** The last so many events, oldest first: pages from the end back. */
async function readLast({ session }: Context, query: EventQuery, count: number): Promise<Last> {
  let events: readonly EventDocument[] = []
  let cursor: string | undefined
  let newer: string | undefined
  for (;;) {
    const limit = Math.min(LONGEST_PAGE, count - events.length)
    const page = await readEvents(session.api(), session.personToken(), { ...query, order: 'latest', limit, cursor })
    events = [...page.elements, ...events]
    newer ??= page.newer
    if (page.complete || events.length >= count) return { events, newer }
    cursor = page.next
  }
}

async function follow(context: Context, query: EventQuery, from: string | undefined): Promise<never> {
  let cursor = from
  for (;;) {
    try {
      const { session } = context
      const page = await readEvents(session.api(), session.personToken(), { ...query, cursor })
      print(context, page.elements)
      cursor = page.next ?? cursor
      if (!page.complete) continue
    } catch (error) {
      // A broker that is restarted comes back, and the cursor stays true.
      if (!(error instanceof CommandError) || error.exitCode !== EXIT.unavailable) throw error
      context.output.note(error.message)
    }
    await sleep(POLL_MS)
  }
}

function print({ output }: Context, events: readonly EventDocument[]): void {
  if (output.json) for (const event of events) output.result(event, () => '')
  else if (events.length > 0) output.result(undefined, () => table(events.map(eventRow)))
}
