import type { Settings } from '../config/settings.js'
import { listKeysAt, rotateKeysAt } from './control/client.js'
import { BY_COMMAND, type KeyControl } from './control/control.js'
import type { Io } from './io.js'
import { onStore, socketOf } from './on-machine.js'

type Listed = ReturnType<KeyControl['list']>
type Rotated = Awaited<ReturnType<KeyControl['rotate']>>

/** The broker that runs on this machine is asked; when none does, the store is opened. Other brokers notice by themselves. */
export const listKeys = async (settings: Settings, io: Pick<Io, 'clock'>): Promise<Listed> =>
  (await listKeysAt(socketOf(settings))) ?? onStore(settings, io, ({ keys }) => Promise.resolve(keys.list()))

export const rotateKeys = async (settings: Settings, io: Pick<Io, 'clock'>, atOnce: boolean): Promise<Rotated> =>
  (await rotateKeysAt(socketOf(settings), atOnce)) ??
  onStore(settings, io, ({ keys }) => keys.rotate(BY_COMMAND, { atOnce }))
