import type { Log } from './log.js'

/** Something that is started and stopped. What it needs stands before it. */
export interface Part {
  readonly name: string
  start?(): Promise<void> | void
  /** Finishes what is in flight. Called once, also when `start` was never called on the parts after it. */
  stop?(): Promise<void> | void
}

/** What runs by itself between its start and its stop, as a part. */
export const partOf = (name: string, it: Required<Pick<Part, 'start' | 'stop'>>): Part => ({
  name,
  start: () => it.start(),
  stop: () => it.stop(),
})

export interface Lifecycle {
  /** Starts the parts in order; when one fails, stops those that run, in reverse, and throws its error. */
  start(): Promise<void>
  /** Stops the parts in reverse order, each within the bound. Repeating it waits for the same stop. Never throws. */
  stop(): Promise<void>
}

export interface LifecycleOptions {
  readonly parts: readonly Part[]
  readonly log: Log
  /** For all parts together, milliseconds: what takes longer is left behind. */
  readonly stopWithinMs: number
}

export function createLifecycle({ parts, log, stopWithinMs }: LifecycleOptions): Lifecycle {
  const running: Part[] = []
  let stopping: Promise<void> | undefined

  async function stopAll(): Promise<void> {
    const { signal, release } = deadline(stopWithinMs)
    for (const part of running.splice(0).reverse()) {
      const outcome = await Promise.race([stopPart(part), signal])
      if (outcome !== 'stopped')
        log.error('stop_incomplete', { step: part.name, ...(outcome && { error: outcome.error }) })
    }
    release()
  }

  return {
    async start() {
      for (const part of parts) {
        // Noted before it is started: what a failed start left behind is cleaned up as well.
        running.push(part)
        try {
          await part.start?.()
        } catch (error) {
          log.error('start_failed', { step: part.name, error })
          stopping = stopAll()
          await stopping
          throw error
        }
        log.debug('started', { step: part.name })
      }
    },
    stop() {
      stopping ??= stopAll()
      return stopping
    },
  }
}

async function stopPart(part: Part): Promise<'stopped' | { readonly error: unknown }> {
  try {
    await part.stop?.()
    return 'stopped'
  } catch (error) {
    return { error }
  }
}

/** Resolves when the time is up, for all waits together. */
function deadline(ms: number): { readonly signal: Promise<undefined>; readonly release: () => void } {
  let timer: NodeJS.Timeout | undefined
  const signal = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => {
      resolve(undefined)
    }, ms)
  })
  return {
    signal,
    release: () => {
      clearTimeout(timer)
    },
  }
}

export type StopSignal = 'SIGTERM' | 'SIGINT'
const STOP_SIGNALS: readonly StopSignal[] = ['SIGTERM', 'SIGINT']

/** The first signal asks for a graceful stop, the second one means at once. Returns how to stop listening. */
export function onStopSignal(
  source: Pick<NodeJS.Process, 'on' | 'off'>,
  { stop, abort }: { readonly stop: (signal: StopSignal) => void; readonly abort: (signal: StopSignal) => void },
): () => void {
  let asked = false
  const listener = (signal: StopSignal): void => {
    if (asked) {
      abort(signal)
      return
    }
    asked = true
    stop(signal)
  }
  for (const signal of STOP_SIGNALS) source.on(signal, listener)
  return () => {
    for (const signal of STOP_SIGNALS) source.off(signal, listener)
  }
}
