import { pino, type DestinationStream, type Level } from 'pino'
import { systemClock, type Clock } from './clock.js'
import { Fault } from './fault.js'
import type { Log, LogFields } from './log.js'

export interface LoggerOptions {
  readonly level: Level | 'silent'
  /** Standard output by default. */
  readonly destination?: DestinationStream
  readonly clock?: Clock
}

/** JSON lines: `level`, `time`, `event`, and the fields that `LogFields` allows. */
export function createLogger({ level, destination, clock = systemClock }: LoggerOptions): Log {
  const options = {
    level,
    base: null,
    messageKey: 'event',
    timestamp: () => `,"time":"${new Date(clock.nowMs()).toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  const logger = destination === undefined ? pino(options) : pino(options, destination)
  return logOf(logger, {})
}

type PinoLogger = Pick<ReturnType<typeof pino>, 'isLevelEnabled' | 'debug' | 'info' | 'warn' | 'error'>

function logOf(logger: PinoLogger, bound: LogFields): Log {
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (event: string, fields?: LogFields) => {
    if (!logger.isLevelEnabled(level)) return
    logger[level](allowed({ ...bound, ...fields }), event)
  }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => logOf(logger, { ...bound, ...fields }),
  }
}

/** The list of `LogFields`: the compiler keeps the two equal. */
const ALLOWED: Readonly<Record<keyof LogFields, true>> = {
  request_id: true,
  method: true,
  route: true,
  status: true,
  duration_ms: true,
  address: true,
  outcome: true,
  reason: true,
  error: true,
  grant_id: true,
  task_id: true,
  credential_id: true,
  audience: true,
  workload: true,
  person: true,
  source: true,
  issuer: true,
  kid: true,
  alg: true,
  version: true,
  shard: true,
  count: true,
  seconds: true,
  signal: true,
  step: true,
  url: true,
  claim: true,
  detail: true,
}
const NAMES: ReadonlySet<string> = new Set(Object.keys(ALLOWED))
const MAX_TEXT = 400
/** A JWT, or one of our codes: an allowed field that holds one anyway is a mistake of ours, and must not become a leak. */
const SECRET = /eyJ[\w-]{8,}|dc_[\w-]{20,}/

/** Only allowed fields, only plain values: anything else is dropped, whatever the types say. */
function allowed(fields: LogFields): Record<string, unknown> {
  const shown: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || !NAMES.has(name)) continue
    shown[name] = name === 'error' ? errorFacts(value) : plain(value)
  }
  return shown
}

function plain(value: unknown): unknown {
  if (typeof value === 'number' || typeof value === 'boolean') return value
  if (typeof value !== 'string') return '[not shown]'
  return SECRET.test(value) ? '[withheld]' : value.slice(0, MAX_TEXT)
}

const MAX_CAUSES = 4

/**
 * What is safe to say of an error: its name, code and stack frames. The message only when it is ours (`Fault`): others
 * quote their input (`JSON.parse` does), and the input may be a token.
 */
function errorFacts(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return { name: typeof error }
  const code = 'code' in error && typeof error.code === 'string' ? { code: plain(error.code) } : {}
  const message = error instanceof Fault ? { message: plain(error.message) } : {}
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  const cause = error.cause === undefined || depth >= MAX_CAUSES ? {} : { cause: errorFacts(error.cause, depth + 1) }
  return { name: error.name, ...code, ...message, stack: frames.slice(0, 12).map((line) => line.trim()), ...cause }
}
