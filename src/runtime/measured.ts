import { monotonicMs } from './stopwatch.js'

/**
 * The same port, each of whose asynchronous verbs is timed: `observe` gets the verb's name, whether it threw, and the
 * seconds it took. Callers see no difference.
 */
export function measured<T extends object>(
  port: T,
  observe: (verb: string, outcome: 'answered' | 'failed', seconds: number) => void,
  nowMs: () => number = monotonicMs,
): T {
  const wrapped = new Map<PropertyKey, unknown>()
  const wrap = (verb: string, method: (...args: unknown[]) => unknown) =>
    async function timed(...args: unknown[]): Promise<unknown> {
      const start = nowMs()
      try {
        const answer = await method.apply(port, args)
        observe(verb, 'answered', (nowMs() - start) / 1000)
        return answer
      } catch (error) {
        observe(verb, 'failed', (nowMs() - start) / 1000)
        throw error
      }
    }
  return new Proxy(port, {
    get(target, name): unknown {
      const known = wrapped.get(name)
      if (known !== undefined) return known
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function' || typeof name !== 'string') return value
      const made = wrap(name, value as (...args: unknown[]) => unknown)
      wrapped.set(name, made)
      return made
    },
  })
}
