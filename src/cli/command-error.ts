import type { ExitCode } from './exit-codes.js'

/** Why a command ends without its result: one sentence, and what to do about it. Never a token or a code. */
export class CommandError extends Error {
  constructor(
    readonly exitCode: ExitCode,
    message: string,
    readonly remedy?: string,
    /** For scripts: the broker's own error code, where it gave one. */
    readonly code?: string,
  ) {
    super(message)
    this.name = 'CommandError'
  }
}
