import type { RedisClient } from './connect.js'
import { faultOf, storeUnavailable } from './faults.js'
import type { Fault } from '../../runtime/fault.js'

/**
 * A server that comes back may come back with other settings (those that CONFIG SET made and nobody wrote down), and a
 * replica that was promoted may have its own. So they are asked for again with each new connection, and nothing is
 * written meanwhile to a server that was found wanting.
 */
export interface DurabilityWatch {
  /** Why nothing may be written now; undefined when all is well. */
  readonly doubt: () => Fault | undefined
  stop(): void
}

const RETRY_MS = 1000

export function watchDurability(
  client: RedisClient,
  check: () => Promise<void>,
  tell: (reason: string) => void,
): DurabilityWatch {
  let doubt: Fault | undefined
  let retry: NodeJS.Timeout | undefined
  const ask = (): void => {
    clearTimeout(retry)
    doubt = storeUnavailable('redis is being asked for its durability')
    check().then(
      () => {
        doubt = undefined
      },
      (error: unknown) => {
        doubt = faultOf(error)
        tell(doubt.message)
        retry = setTimeout(ask, RETRY_MS).unref()
      },
    )
  }
  client.on('ready', ask)
  return {
    doubt: () => doubt,
    stop() {
      clearTimeout(retry)
      client.off('ready', ask)
    },
  }
}
