import { composeBroker, type Broker } from './compose.js'
import type { Settings } from './config/settings.js'
import { onStopSignal } from './runtime/lifecycle.js'
import type { Log } from './runtime/log.js'

interface RunOptions {
  readonly log: Log
  readonly version: string
  /** Called when it listens; what is given back is stopped before the broker. */
  readonly onReady?: (broker: Broker) => Promise<{ readonly stop: () => Promise<void> } | undefined>
}

/** Runs the broker until a signal asks it to stop: what is in flight is finished, then everything is closed. */
export async function runBroker(settings: Settings, options: RunOptions): Promise<void> {
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
    const beside = await options.onReady?.(broker)
    log.info('stopping', { signal: await asked })
    await beside?.stop()
  } finally {
    await broker.stop()
  }
}
