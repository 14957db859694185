import { Fault } from '../../runtime/fault.js'

/** What went wrong between us and Redis. Nothing is known of what the command did. */
export function storeUnavailable(message: string, cause?: unknown): Fault {
  return new Fault('store_unavailable', message, cause === undefined ? undefined : { cause: plainCause(cause) })
}

/**
 * ioredis hangs the command and its arguments on its errors: records, and at sign-in the password. Name and message alone
 * are kept (invariant 10).
 */
function plainCause(cause: unknown): Error {
  if (!(cause instanceof Error)) return new Error('unknown error')
  const plain = new Error(cause.message.slice(0, 200))
  plain.name = cause.name
  return plain
}

const MEANINGS: readonly (readonly [start: string, meaning: string])[] = [
  ['OOM', 'redis is out of memory'],
  ['MISCONF', 'redis cannot write to its disk'],
  ['LOADING', 'redis is loading its data'],
  ['READONLY', 'redis is a replica'],
  ['CLUSTERDOWN', 'the redis cluster is down'],
  ['BUSY', 'redis is busy with a script'],
  ['MASTERDOWN', 'redis has lost its master'],
  ['NOREPLICAS', 'redis has too few replicas'],
  ['NOAUTH', 'redis asks for a password'],
  ['WRONGPASS', 'redis refuses the user or password'],
  ['NOPERM', 'the redis user may not do this'],
  ['Command timed out', 'redis did not answer in time'],
]

/** Any error of the client as the one fault that callers know. */
export function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error
  const text = error instanceof Error ? error.message : ''
  const meaning = MEANINGS.find(([start]) => text.startsWith(start))?.[1] ?? 'redis cannot be reached'
  return storeUnavailable(meaning, error)
}
