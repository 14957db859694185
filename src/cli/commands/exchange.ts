import type { Command } from 'commander'
import { Option } from 'commander'
import { readFileSync } from 'node:fs'
import { buildCsr } from '../../x509/build-csr.js'
import { SUPPORTED_KEYS } from '../../x509/public-key.js'
import { signingAlgorithmOf } from '../../x509/signing.js'
import { grantId, repeated, seconds } from '../arguments.js'
import { requireAssertion, withAssertion, type AssertionOptions } from '../assertion.js'
import { CommandError } from '../command-error.js'
import type { Bind } from '../context.js'
import { openDpopKey, provingApi } from '../dpop-key.js'
import { exchange as performExchange, type Wanted } from '../exchange.js'
import { EXIT } from '../exit-codes.js'
import { openPrivateKey } from '../private-key.js'

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
  readonly csr?: string
  readonly certificate?: true
  readonly key?: string
}

const DEFAULT_WAIT_SECONDS = 3600

const EXAMPLES = `
Examples:
  $ errand exchange --assertion-file token.jwt --audience https://deploy.example.com --scope deploy:staging
  $ errand exchange --assertion-command ./fresh-token.sh --audience https://deploy.example.com \\
      --scope deploy:production --purpose "release 4.2" --wait 30m
  $ errand exchange --assertion-file token.jwt --audience https://deploy.example.com --scope deploy:staging \\
      --certificate --key deploy.key > deploy.pem

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
      .addOption(
        new Option(
          '--csr <file>',
          'a certificate for the key of this request (PKCS #10, PEM), in place of a JWT',
        ).conflicts(['certificate', 'key']),
      )
      .option('--certificate', 'a certificate for the key of --key, in place of a JWT')
      .option('--key <file>', 'the private key for --certificate, PEM; made where there is none')
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
        wantedOf(options, output.note),
        wait,
      )
      output.result(answer, () => answer.access_token)
      return undefined
    },
  )

function wantedOf(options: Options, note: (text: string) => void): Wanted {
  const { audience, purpose, lifetime, task, grant } = options
  const scope = options.scope?.join(' ')
  const details = options.detailsFile === undefined ? undefined : readText(options.detailsFile)
  if (scope === undefined && details === undefined)
    throw new CommandError(EXIT.usage, 'what must it allow?', 'give --scope SCOPE or --details-file FILE')
  if (options.wait !== undefined && purpose === undefined)
    throw new CommandError(EXIT.usage, 'people want to know why', 'give --purpose TEXT with --wait')
  return {
    audience,
    scope,
    authorizationDetails: details,
    purpose,
    lifetime,
    task,
    grantId: grant,
    csr: csrOf(options, note),
  }
}

function csrOf({ csr, certificate, key }: Options, note: (text: string) => void): string | undefined {
  if (csr !== undefined) return readText(csr)
  if ((certificate === undefined) !== (key === undefined))
    throw new CommandError(EXIT.usage, 'a certificate is for a key', 'give --certificate and --key FILE, or --csr FILE')
  if (key === undefined) return undefined
  const privateKey = openPrivateKey(key, note)
  if (signingAlgorithmOf(privateKey) === undefined)
    throw new CommandError(EXIT.usage, `${key} holds a key that is not certified`, SUPPORTED_KEYS)
  return buildCsr(privateKey)
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw new CommandError(EXIT.usage, `${file} cannot be read`)
  }
}
