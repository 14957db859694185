import { join } from 'node:path'
import type { Settings } from '../config/settings.js'
import { silentLog } from '../runtime/log.js'
import { listKeysAt, rotateKeysAt } from './control/client.js'
import { BY_COMMAND, SOCKET_NAME, type KeyControl } from './control/key-control.js'
import type { Io } from './io.js'
import { VERSION } from './version.js'

type Listed = ReturnType<KeyControl['list']>
type Rotated = Awaited<ReturnType<KeyControl['rotate']>>

/** The broker that runs on this machine is asked; when none does, the store is opened. Other brokers notice by themselves. */
export const listKeys = async (settings: Settings, io: Pick<Io, 'clock'>): Promise<Listed> =>
  (await listKeysAt(socketOf(settings))) ?? onStore(settings, io, (keys) => Promise.resolve(keys.list()))

export const rotateKeys = async (settings: Settings, io: Pick<Io, 'clock'>, atOnce: boolean): Promise<Rotated> =>
  (await rotateKeysAt(socketOf(settings), atOnce)) ??
  onStore(settings, io, (keys) => keys.rotate(BY_COMMAND, { atOnce }))

export const socketOf = ({ dataDirectory }: Settings): string => join(dataDirectory, SOCKET_NAME)

async function onStore<T>(
  settings: Settings,
  { clock }: Pick<Io, 'clock'>,
  use: (keys: KeyControl) => Promise<T>,
): Promise<T> {
  // Loaded when it is needed: most commands are clients, and start quickly.
  const { composeBroker } = await import('../compose.js')
  // Never started: it listens nowhere and sweeps nothing.
  const { keys, stores } = await composeBroker(settings, { clock, log: silentLog, version: VERSION })
  try {
    return await use(keys)
  } finally {
    await stores.close()
  }
}
