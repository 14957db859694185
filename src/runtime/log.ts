/**
 * What may be logged (invariant 10). A log line is a fixed event name and fields of this list: whatever is not on it is
 * dropped, so no token, key or code can get into a log by a careless spread. Values are ids, names, numbers and hashes.
 */
export interface LogFields {
  readonly request_id?: string
  readonly method?: string
  /** The route's template, never the path as it came. */
  readonly route?: string
  readonly status?: number
  readonly duration_ms?: number
  readonly address?: string
  readonly outcome?: string
  readonly reason?: string
  readonly error?: unknown
  readonly grant_id?: string
  readonly task_id?: string
  readonly credential_id?: string
  readonly audience?: string
  readonly workload?: string
  readonly person?: string
  readonly source?: string
  readonly issuer?: string
  readonly kid?: string
  readonly alg?: string
  readonly version?: number
  readonly shard?: number
  readonly count?: number
  readonly seconds?: number
  readonly signal?: string
  readonly step?: string
  readonly url?: string
  readonly claim?: string
  readonly detail?: string
}

export interface Log {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
  /** A log whose lines all carry these fields. */
  child(fields: LogFields): Log
}

/** For tests and tools that say what they have to say themselves. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
}
