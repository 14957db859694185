import type { Command } from 'commander'
import { relative } from 'node:path'
import type { Settings } from '../../config/settings.js'
import { CommandError } from '../command-error.js'
import type { Bind } from '../context.js'
import type { Control } from '../control/control.js'
import { openControl } from '../control/server.js'
import { EXIT } from '../exit-codes.js'
import { socketOf } from '../on-machine.js'
import { indent, table } from '../text.js'
import { VERSION } from '../version.js'

const EXAMPLES = `
Examples:
  $ errand serve                                             the shipped configuration, on this machine alone
  $ ERRAND_CONFIG=/etc/errand/errand.yaml errand serve

SIGTERM and SIGINT stop it after what is in flight; a second one means at once. The log goes to standard output.`

export const serve = (parent: Command, bind: Bind): Command =>
  bind<object, []>(
    parent.command('serve').description('run the broker').addHelpText('after', EXAMPLES),
    async ({ session, output }) => {
      const settings = session.settings()
      const { runBroker } = await import('../../main.js')
      const { createLogger } = await import('../../runtime/logger.js')
      const log = createLogger({ level: settings.log.level })
      const onReady = async ({ keys, authorities }: Control) => {
        const control = await openControl(socketOf(settings), { keys, authorities }, log)
        output.note(whatNext(settings))
        return control
      }
      try {
        await runBroker(settings, { log, version: VERSION, onReady })
      } catch (error) {
        throw portTaken(error) ?? error
      }
      return undefined
    },
  )

function portTaken(error: unknown): CommandError | undefined {
  const { code, port } = error as NodeJS.ErrnoException & { port?: number }
  if (code !== 'EADDRINUSE') return undefined
  const remedy = 'stop what listens there, or take another port under listen (and in issuer)'
  return new CommandError(EXIT.unavailable, `the port ${port ?? ''} is in use`, remedy, 'port_in_use')
}

/** How this program was called: what is told next should work when it is copied. */
function calledAs(path = process.argv[1] ?? ''): string {
  return path.endsWith('.js') ? `node ${relative(process.cwd(), path)}` : 'errand'
}

function whatNext(settings: Settings): string {
  const errand = calledAs()
  const hasLocal = settings.people.some(({ kind }) => kind === 'local')
  const store = settings.store.kind === 'embedded' ? settings.store.directory : settings.store.url
  return [
    '',
    `Errand serves ${settings.issuer}, store ${store}. What to do next:`,
    indent(
      table([
        [`${errand} grants list`, 'what waits for a decision'],
        [`${errand} exchange --help`, `get a credential${hasLocal ? ', as a workload' : ''}`],
        [`${errand} evidence tail --follow`, 'see what happens'],
      ]),
      2,
    ),
    ...(hasLocal ? ['You are the one person who decides: `preset: local` in the configuration.'] : []),
    'For issuers, people and resources of your own: copy the configuration, change it, set ERRAND_CONFIG;',
    `\`${errand} config check FILE\` says what is wrong with it. Ctrl-C stops the broker.`,
    '',
  ].join('\n')
}
