import { composeBroker } from './compose.js'
import type { Settings } from './config/settings.js'
import { onStopSignal } from './runtime/lifecycle.js'
import type { Log } from './runtime/log.js'

/** Runs the broker until a signal asks it to stop: what is in flight is finished, then everything is closed. */
export async function runBroker(
  settings: Settings,
  options: { readonly log: Log; readonly version: string; readonly onReady?: (url: string) => void },
): Promise<void> {
  const { log } = options
  const broker = await composeBroker(settings, options)
  const asked = new Promise<string>((resolve) => {
    onStopSignal(process, {
      stop: resolve,
      abort: (signal) => {
        log.error('stopped_at_once', { signal })
        process.exit(1)
      },
    })
  })
  try {
    await broker.start()
    options.onReady?.(settings.issuer)
    log.info('stopping', { signal: await asked })
  } finally {
    await broker.stop()
  }
}
