import type { Command } from 'commander'
import { Option } from 'commander'
import { readFileSync } from 'node:fs'
import { grantId, repeated, seconds } from '../arguments.js'
import { requireAssertion, withAssertion, type AssertionOptions } from '../assertion.js'
import { CommandError } from '../command-error.js'
import type { Bind } from '../context.js'
import { openDpopKey, provingApi } from '../dpop-key.js'
import { exchange as performExchange, type Wanted } from '../exchange.js'
import { EXIT } from '../exit-codes.js'

interface Options extends AssertionOptions {
  readonly audience: string
  readonly scope?: readonly string[]
  readonly detailsFile?: string
  readonly purpose?: string
  readonly lifetime?: number
  readonly task?: string
  readonly grant?: string
  readonly wait?: number | true
  readonly dpopKey?: string
}

const DEFAULT_WAIT_SECONDS = 3600

const EXAMPLES = `
Examples:
  $ errand exchange --assertion-file token.jwt --audience https://deploy.example.com --scope deploy:staging
  $ errand exchange --assertion-command ./fresh-token.sh --audience https://deploy.example.com \\
      --scope deploy:production --purpose "release 4.2" --wait 30m

The credential goes to standard output, all else to standard error. Where an assertion serves once only, waiting needs
a fresh one for each question: --assertion-command, or a file that something keeps fresh. With --dpop-key the key is
what asks again, and one assertion will do.`

export const exchange = (parent: Command, bind: Bind): Command =>
  bind<Options, []>(
    withAssertion(
      parent.command('exchange').description('exchange a workload’s assertion for a credential, and print it'),
    )
      .requiredOption('--audience <audience>', 'where the credential will be used')
      .option('--scope <scope>', 'what it must allow; repeat it for several', repeated)
      .option('--details-file <file>', 'authorization_details: a JSON array (RFC 9396)')
      .option('--purpose <text>', 'why; people are shown it. Needed to wait for them')
      .addOption(
        new Option('--wait [time]', 'if people have to decide, wait for them; 1h by default').argParser(seconds),
      )
      .option('--lifetime <time>', 'a shorter life than it would get', seconds)
      .option('--task <name>', 'tells several errands of one run apart')
      .option('--grant <grant>', 'under this grant', grantId)
      .option('--dpop-key <file>', 'bind it to this key of yours (PEM; made if it is not there)')
      .addHelpText('after', EXAMPLES),
    async ({ session, output, io }, options) => {
      const assertion = requireAssertion(options)
      const wait = options.wait === true ? DEFAULT_WAIT_SECONDS : options.wait
      const key = options.dpopKey === undefined ? undefined : openDpopKey(options.dpopKey, output.note)
      const api = key === undefined ? session.api() : provingApi(session.api(), key, io.clock)
      const answer = await performExchange(
        { api, assertion, isKeyed: key !== undefined, nowMs: () => io.clock.nowMs(), progress: output.note },
        wantedOf(options),
        wait,
      )
      output.result(answer, () => answer.access_token)
      return undefined
    },
  )

function wantedOf(options: Options): Wanted {
  const { audience, purpose, lifetime, task, grant } = options
  const scope = options.scope?.join(' ')
  const details = options.detailsFile === undefined ? undefined : readDetails(options.detailsFile)
  if (scope === undefined && details === undefined)
    throw new CommandError(EXIT.usage, 'what must it allow?', 'give --scope SCOPE or --details-file FILE')
  if (options.wait !== undefined && purpose === undefined)
    throw new CommandError(EXIT.usage, 'people want to know why', 'give --purpose TEXT with --wait')
  return { audience, scope, authorizationDetails: details, purpose, lifetime, task, grantId: grant }
}

function readDetails(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw new CommandError(EXIT.usage, `${file} cannot be read`)
  }
}
