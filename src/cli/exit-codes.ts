/** What the program's exit code says (docs/cli.md). Scripts branch on it, so a meaning never changes. */
export const EXIT = {
  ok: 0,
  /** Somebody said no: the broker, a rule, a person, or you when asked to confirm. */
  refused: 1,
  /** The command line or the configuration is wrong: nothing was tried. */
  usage: 2,
  /** It still waits for people; the time given with `--wait` is over. */
  pending: 3,
  /** The broker cannot be reached, or said that it cannot answer now: try again. */
  unavailable: 4,
  /** Something is broken. */
  fault: 5,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]
