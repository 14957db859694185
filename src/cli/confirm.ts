import { createInterface } from 'node:readline/promises'
import { CommandError } from './command-error.js'
import { EXIT } from './exit-codes.js'
import type { Io } from './io.js'

/**
 * Asks the person at the terminal. Anything but yes is no; without a terminal nobody can be asked.
 * @throws CommandError unless they agreed
 */
export async function confirm(io: Pick<Io, 'stdin' | 'stderr'>, question: string): Promise<void> {
  if (io.stdin.isTTY !== true)
    throw new CommandError(
      EXIT.usage,
      'there is no terminal to ask at',
      'add --yes when you know what it is, best with --digest',
    )
  io.stderr.write(`${question} [y/N] `)
  const lines = createInterface({ input: io.stdin })
  try {
    for await (const line of lines) {
      if (/^y(?:es)?$/i.test(line.trim())) return
      break
    }
  } finally {
    lines.close()
  }
  throw new CommandError(EXIT.refused, 'nothing was decided')
}
