import { Fault } from '../runtime/fault.js'

/** Does something now and again, one at a time, and complains once for each cause instead of each time. Never throws. */
export interface Polling {
  /** Does it once; who asks meanwhile waits for the same. */
  readonly now: () => Promise<void>
  readonly start: () => void
  readonly stop: () => void
}

export function createPolling(everyMs: number, work: () => Promise<void>, complain: (error: unknown) => void): Polling {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let told: string | undefined

  async function once(): Promise<void> {
    try {
      await work()
      told = undefined
    } catch (error) {
      const cause = error instanceof Fault ? error.message : 'unknown'
      if (cause !== told) complain(error)
      told = cause
    }
  }

  function now(): Promise<void> {
    running ??= once().finally(() => {
      running = undefined
    })
    return running
  }

  return {
    now,
    start() {
      timer ??= setInterval(() => void now(), everyMs).unref()
    },
    stop() {
      clearInterval(timer)
      timer = undefined
    },
  }
}
