import type { Command } from 'commander'
import { readFileSync } from 'node:fs'
import { namedValue, repeated, seconds, wholeNumber } from '../arguments.js'
import { assertionSource, withAssertion, type AssertionOptions } from '../assertion.js'
import { CommandError } from '../command-error.js'
import type { Bind } from '../context.js'
import { EXIT } from '../exit-codes.js'
import { requestGrant } from '../grants.js'
import { showGrant } from '../show-grant.js'

interface Options extends AssertionOptions {
  readonly file?: string
  readonly audience?: string
  readonly scope?: readonly string[]
  readonly purpose?: string
  readonly duration: number
  readonly description: string
  readonly reference: string
  readonly maxTasks: number
  readonly maxTtl?: number
  readonly binding?: string
  readonly type?: readonly string[]
  readonly commonName?: string
  readonly dns: readonly string[]
  readonly delegateIssuer?: string
  readonly delegateSubject: string
  readonly claim?: Readonly<Record<string, string>>
  readonly handTo: readonly string[]
  readonly maxDepth: number
  readonly maxChildren: number
}

const EXAMPLES = `
Examples:
  a workload, for this run of itself:
  $ errand grants request --assertion-file token.jwt --audience https://deploy.example.com \\
      --scope deploy:production --purpose "release 4.2"
  a person, for every run of one repository for a week:
  $ errand grants request --audience https://deploy.example.com --scope deploy:production --purpose "release week" \\
      --delegate-issuer https://token.actions.githubusercontent.com --claim repository_id=74 \\
      --max-tasks 50 --duration 7d
  everything from a file, as the interface takes it:
  $ errand grants request --file grant.json`

export const grantsRequest = (parent: Command, bind: Bind): Command =>
  bind<Options, []>(
    withAssertion(
      parent
        .command('request')
        .description('ask for a grant beforehand: a workload for itself, a person for whom they name'),
    )
      .option('--audience <audience>', 'where the credentials will be used')
      .option('--scope <scope>', 'what they will allow; repeat it for several', repeated)
      .option('--purpose <text>', 'why; the people who decide are shown it')
      .option('--duration <time>', 'how long the grant lives once it is approved', seconds, 3600)
      .option('--description <text>', 'what the task is', '')
      .option('--reference <url>', 'where more about it stands', '')
      .option('--max-tasks <count>', 'how many runs may use it; above 1 a person must ask', wholeNumber, 1)
      .option('--max-ttl <time>', 'the longest life of a credential', seconds)
      .option('--binding <kind>', 'what credentials must be bound to: dpop, mtls, or any of the two')
      .option('--type <type>', 'jwt, x509, or both: repeat it; jwt by default', repeated)
      .option('--common-name <name>', 'the common name in certificates')
      .option('--dns <name>', 'a DNS name in certificates; repeat it', repeated, [])
      .option('--delegate-issuer <issuer>', 'a person: whose assertions')
      .option('--delegate-subject <pattern>', 'a person: what their sub must match', '*')
      .option('--claim <name=pattern>', 'a person: a claim they must have, the anchor exactly; repeat it', namedValue)
      .option('--hand-to <spiffe-id>', 'who it may be handed on to; repeat it', repeated, [])
      .option('--max-depth <count>', 'how often', wholeNumber, 1)
      .option('--max-children <count>', 'to how many', wholeNumber, 1)
      .option('--file <file>', 'instead of all these: the body as JSON')
      .addHelpText('after', EXAMPLES),
    async ({ session, output, io }, options) => {
      const body = options.file === undefined ? bodyOf(options) : readBody(options.file)
      const assertion = assertionSource(options)
      const bearer = assertion === undefined ? session.personToken() : await assertion()
      const grant = await requestGrant(session.api(), bearer, body)
      output.result(grant, () => showGrant(grant, io.clock.now()))
      return undefined
    },
  )

/** Contract §1, `POST /grants`. */
function bodyOf(options: Options): unknown {
  const { audience, scope, purpose, delegateIssuer, delegateSubject, claim = {}, handTo } = options
  if (audience === undefined || scope === undefined || purpose === undefined)
    throw new CommandError(EXIT.usage, 'what for?', 'give --audience, --scope and --purpose, or --file')
  return {
    ...(delegateIssuer === undefined
      ? {}
      : { delegate: { issuer: delegateIssuer, subject: delegateSubject, claims: claim } }),
    task: { description: options.description, reference: options.reference, max_tasks: options.maxTasks },
    access: [{ audience, scope: scope.join(' '), authorization_details: [] }],
    credential: credentialOf(options),
    delegation:
      handTo.length === 0
        ? { to: [], max_depth: 0, max_children: 0 }
        : { to: handTo, max_depth: options.maxDepth, max_children: options.maxChildren },
    duration_seconds: options.duration,
    purpose,
  }
}

const credentialOf = ({ type = ['jwt'], maxTtl, binding, commonName, dns }: Options): unknown => ({
  types: type,
  ...(maxTtl === undefined ? {} : { max_ttl_seconds: maxTtl }),
  ...(binding === undefined ? {} : { binding }),
  ...(commonName === undefined && dns.length === 0
    ? {}
    : { names: { ...(commonName === undefined ? {} : { common_name: commonName }), dns } }),
})

function readBody(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as unknown
  } catch {
    throw new CommandError(EXIT.usage, `${file} cannot be read as JSON`)
  }
}
