import { Command, CommanderError, Option } from 'commander'
import { brokerUrl } from './arguments.js'
import { CommandError } from './command-error.js'
import { caCsr } from './commands/ca-csr.js'
import { caImportCrl } from './commands/ca-import-crl.js'
import { caImport } from './commands/ca-import.js'
import { caList } from './commands/ca-list.js'
import { caRotate } from './commands/ca-rotate.js'
import { configCheck } from './commands/config-check.js'
import { demo } from './commands/demo.js'
import { evidenceTail } from './commands/evidence-tail.js'
import { exchange } from './commands/exchange.js'
import { grantsApprove } from './commands/grants-approve.js'
import { grantsDeny } from './commands/grants-deny.js'
import { grantsList } from './commands/grants-list.js'
import { grantsRequest } from './commands/grants-request.js'
import { grantsRevoke } from './commands/grants-revoke.js'
import { grantsShow } from './commands/grants-show.js'
import { keysList } from './commands/keys-list.js'
import { keysRotate } from './commands/keys-rotate.js'
import { proof } from './commands/proof.js'
import { serve } from './commands/serve.js'
import { tasksComplete } from './commands/tasks-complete.js'
import { tasksHeartbeat } from './commands/tasks-heartbeat.js'
import { tasksShow } from './commands/tasks-show.js'
import { contextOf, type Bind, type Work } from './context.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import type { Io } from './io.js'
import { createOutput } from './output.js'
import { VERSION } from './version.js'

/**
 * cli/ is the command line: a client of the broker's HTTP interface, one file for each command. Only `serve`, `demo`,
 * `keys` and `ca` know that there is more than an address. `output.ts` alone writes to the terminal; docs/cli.md has the exit codes.
 */
export async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok
  const isJson = args.includes('--json')
  const bind: Bind = <Options, Args extends readonly unknown[]>(command: Command, work: Work<Options, Args>) =>
    command.action(async (...given: unknown[]) => {
      code = (await work(contextOf(command, io), ...parsedBy<Options, Args>(given))) ?? EXIT.ok
    })
  const program = createProgram(bind, { ...io, stderr: isJson ? SILENT : io.stderr })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    const output = createOutput(io, isJson)
    if (!(error instanceof CommanderError)) return output.error(error)
    if (error.exitCode === 0) return EXIT.ok
    return isJson ? output.error(new CommandError(EXIT.usage, error.message.replace(/^error: /, ''))) : EXIT.usage
  }
}

/** With `--json` there is one document on standard error, which says what commander would have said in words. */
const SILENT = { write: () => true }

/** commander passes the arguments, then the options, then the command itself: what each command declared, in this order. */
const parsedBy = <Options, Args extends readonly unknown[]>(given: readonly unknown[]): [Options, ...Args] =>
  [given.at(-2), ...given.slice(0, -2)] as unknown as [Options, ...Args]

function createProgram(bind: Bind, { stdout, stderr }: Pick<Io, 'stdout' | 'stderr'>): Command {
  const program = new Command('errand')
    .description(
      'A short-lived credential broker: people approve an errand, a workload gets a credential for it alone.',
    )
    .version(VERSION)
    .option('--json', 'print JSON, one document a line')
    .addOption(new Option('--url <url>', 'the broker; by default the issuer of the configuration').argParser(brokerUrl))
    .option('--config <file>', 'the configuration; by default ERRAND_CONFIG, else the shipped one')
    .option('--token-file <file>', 'a person’s token; by default ERRAND_TOKEN, else the local person’s')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
    })
    .showHelpAfterError('(add --help to see how)')
    .exitOverride()
    .addHelpText('after', AFTER_HELP)

  for (const register of [demo, serve, exchange, proof]) register(program, bind)
  const group = (name: string, about: string, example: string): Command =>
    program.command(name).description(about).addHelpText('after', `\nExample:\n  $ errand ${name} ${example}`)
  const grants = group('grants', 'ask for, look at and decide on grants', 'list --status pending')
  for (const register of [grantsRequest, grantsList, grantsShow, grantsApprove, grantsDeny, grantsRevoke])
    register(grants, bind)
  const tasks = group('tasks', 'keep a task alive, and end it', 'complete tk_5c… --assertion-file token.jwt')
  for (const register of [tasksShow, tasksComplete, tasksHeartbeat]) register(tasks, bind)
  const keys = group('keys', 'the keys that sign credentials; on the broker’s machine only', 'list')
  for (const register of [keysList, keysRotate]) register(keys, bind)
  const ca = group('ca', 'the certificate authority; on the broker’s machine only', 'list')
  for (const register of [caList, caRotate, caCsr, caImport, caImportCrl]) register(ca, bind)
  evidenceTail(group('evidence', 'what happened', 'tail --follow'), bind)
  configCheck(group('config', 'the configuration file', 'check errand.yaml'), bind)
  return program
}

const AFTER_HELP = `
Exit codes:
  0  done            3  still waiting for people
  1  refused         4  the broker cannot be reached, or cannot answer now
  2  wrong usage     5  something is broken

First steps:
  $ errand demo                      one errand from start to end, on this machine
  $ errand serve                     the broker, with the shipped configuration
  $ errand exchange --help           get a credential
  $ errand grants list               what waits for your decision
`
