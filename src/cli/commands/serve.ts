import type { Command } from 'commander'
import type { Settings } from '../../config/settings.js'
import { onStopSignal } from '../../runtime/lifecycle.js'
import type { Bind, Context } from '../context.js'
import { openControl } from '../control/server.js'
import { EXIT, type ExitCode } from '../exit-codes.js'
import { socketOf } from '../keys.js'
import { VERSION } from '../version.js'

const EXAMPLES = `
Examples:
  $ errand serve                                             the shipped configuration, on this machine alone
  $ ERRAND_CONFIG=/etc/errand/errand.yaml errand serve

SIGTERM and SIGINT stop it after what is in flight; a second one means at once. The log goes to standard output.`

export const serve = (parent: Command, bind: Bind): Command =>
  bind<object, []>(parent.command('serve').description('run the broker').addHelpText('after', EXAMPLES), (context) =>
    runBroker(context, context.session.settings()),
  )

async function runBroker(context: Context, settings: Settings): Promise<ExitCode> {
  const stopped = stopRequest()
  const { composeBroker } = await import('../../compose.js')
  const { createLogger } = await import('../../runtime/logger.js')
  const log = createLogger({ level: settings.log.level })
  const broker = await composeBroker(settings, { clock: context.io.clock, log, version: VERSION })
  try {
    await broker.start()
    const control = await openControl(socketOf(settings), broker.keys, log)
    context.output.note(whatNext(settings))
    await stopped
    await control?.stop()
  } finally {
    await broker.stop()
  }
  return EXIT.ok
}

/** Resolves at the first signal. */
const stopRequest = (): Promise<void> =>
  new Promise((resolve) => {
    onStopSignal(process, {
      stop: () => {
        resolve()
      },
      abort: () => process.exit(EXIT.fault),
    })
  })

function whatNext(settings: Settings): string {
  const hasLocal = settings.people.some(({ kind }) => kind === 'local')
  const store = settings.store.kind === 'embedded' ? settings.store.directory : settings.store.url
  return [
    '',
    `Errand serves ${settings.issuer}, store ${store}. What to do next:`,
    '  errand grants list                what waits for a decision',
    `  errand exchange --help            get a credential${hasLocal ? ', as a workload' : ''}`,
    '  errand evidence tail --follow     see what happens',
    ...(hasLocal ? ['You are the one person who decides: `preset: local` in the configuration.'] : []),
    'For issuers, people and resources of your own: copy the configuration, change it, set ERRAND_CONFIG;',
    '`errand config check FILE` says what is wrong with it. Ctrl-C stops the broker.',
    '',
  ].join('\n')
}
