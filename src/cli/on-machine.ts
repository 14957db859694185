import { join } from 'node:path'
import type { Settings } from '../config/settings.js'
import { silentLog } from '../runtime/log.js'
import { SOCKET_NAME, type Control } from './control/control.js'
import type { Io } from './io.js'
import { VERSION } from './version.js'

/** Where the broker of this machine listens for commands. */
export const socketOf = ({ dataDirectory }: Settings): string => join(dataDirectory, SOCKET_NAME)

/** The same on its store, when no broker runs here. */
export async function onStore<T>(
  settings: Settings,
  { clock }: Pick<Io, 'clock'>,
  use: (control: Control) => Promise<T>,
): Promise<T> {
  // Loaded when it is needed: most commands are clients, and start quickly.
  const { composeBroker } = await import('../compose.js')
  // Never started: it listens nowhere and sweeps nothing.
  const { keys, authorities, stores } = await composeBroker(settings, { clock, log: silentLog, version: VERSION })
  try {
    return await use({ keys, authorities })
  } finally {
    await stores.close()
  }
}
