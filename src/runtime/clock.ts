/** Seconds since 1970-01-01T00:00:00Z, whole. All expiries are decided in this unit. */
export type EpochSeconds = number

/** The one source of time (invariant 12). Only this file reads the machine's clock. */
export interface Clock {
  now(): EpochSeconds
  /** Milliseconds since the epoch, for poll intervals and measurements. */
  nowMs(): number
}

export const systemClock: Clock = {
  now: () => Math.floor(Date.now() / 1000),
  nowMs: () => Date.now(),
}

/** The last few times that were asked for: one exchange writes the same two or three again and again. */
const formatted = new Map<EpochSeconds, string>()
const MAX_FORMATTED = 64

/** RFC 3339 in UTC, whole seconds, `Z`. */
export function formatTime(at: EpochSeconds): string {
  const known = formatted.get(at)
  if (known !== undefined) return known
  const text = new Date(at * 1000).toISOString().slice(0, 19) + 'Z'
  if (formatted.size >= MAX_FORMATTED) formatted.clear()
  formatted.set(at, text)
  return text
}

/** The inverse of `formatTime`; `undefined` for any other notation, and for a day that does not exist. */
export function parseTime(text: string): EpochSeconds | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text)) return undefined
  const at = Date.parse(text) / 1000
  // The parser takes 30 February for 2 March.
  return !Number.isNaN(at) && formatTime(at) === text ? at : undefined
}
