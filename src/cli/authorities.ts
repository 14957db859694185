import type { Settings } from '../config/settings.js'
import {
  importChainAt,
  importCrlAt,
  listAuthoritiesAt,
  requestAuthorityAt,
  rotateAuthorityAt,
} from './control/client.js'
import { BY_COMMAND, type CaControl } from './control/control.js'
import type { Io } from './io.js'
import { onStore, socketOf } from './on-machine.js'

type Clocked = Pick<Io, 'clock'>
type Answer<K extends keyof CaControl> = Promise<Awaited<ReturnType<CaControl[K]>>>

/** The broker that runs on this machine is asked; when none does, the store is opened. Other brokers notice by themselves. */
export const listAuthorities = async (settings: Settings, io: Clocked): Answer<'list'> =>
  (await listAuthoritiesAt(socketOf(settings))) ??
  onStore(settings, io, ({ authorities }) => Promise.resolve(authorities.list()))

export const rotateAuthority = async (
  settings: Settings,
  io: Clocked,
  options: { readonly atOnce: boolean; readonly leaked: boolean },
): Answer<'rotate'> =>
  (await rotateAuthorityAt(socketOf(settings), options)) ??
  onStore(settings, io, ({ authorities }) => authorities.rotate(BY_COMMAND, options))

export const requestAuthority = async (settings: Settings, io: Clocked, fresh: boolean): Answer<'request'> =>
  (await requestAuthorityAt(socketOf(settings), fresh)) ??
  onStore(settings, io, ({ authorities }) => authorities.request(BY_COMMAND, { fresh }))

export const importChain = async (settings: Settings, io: Clocked, pem: string): Answer<'importChain'> =>
  (await importChainAt(socketOf(settings), pem)) ??
  onStore(settings, io, ({ authorities }) => authorities.importChain(BY_COMMAND, pem))

export const importCrl = async (settings: Settings, io: Clocked, bytes: Buffer): Answer<'importCrl'> =>
  (await importCrlAt(socketOf(settings), bytes)) ??
  onStore(settings, io, ({ authorities }) => authorities.importCrl(BY_COMMAND, bytes))
