import { styleText } from 'node:util'
import { Fault } from '../runtime/fault.js'
import { CommandError } from './command-error.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import type { Io, TextSink } from './io.js'

/**
 * The only place that writes to the terminal. Results go to standard output, everything said on the way to standard
 * error, so that a pipe gets the result alone. With `--json` both are JSON, one document a line.
 */
export interface Output {
  readonly json: boolean
  /** The result: `value` as JSON, or what `text` makes of it. */
  readonly result: (value: unknown, text: () => string) => void
  /** Progress and hints. Nothing with `--json`. */
  readonly note: (text: string) => void
  /** @returns the exit code that goes with it */
  readonly error: (error: unknown) => ExitCode
  /** For what is written to standard output; plain unless that is a terminal. */
  readonly style: (style: Style, text: string) => string
}

export type Style = 'heading' | 'good' | 'bad' | 'faint' | 'attention'

const STYLES = {
  heading: 'bold',
  good: 'green',
  bad: 'red',
  faint: 'dim',
  attention: 'yellow',
} as const satisfies Record<Style, Parameters<typeof styleText>[0]>

export function createOutput(io: Pick<Io, 'stdout' | 'stderr' | 'env'>, json: boolean): Output {
  const styled = isColoured(io.stdout, io.env)
  return {
    json,
    result: (value, text) => {
      io.stdout.write(`${json ? JSON.stringify(value) : text()}\n`)
    },
    note: (text) => {
      if (!json) io.stderr.write(`${text}\n`)
    },
    error: (error) => {
      const known = explained(error)
      io.stderr.write(`${json ? errorJson(known) : errorText(known)}\n`)
      if (io.env['ERRAND_DEBUG']) io.stderr.write(framesOf(error))
      return known.exitCode
    },
    // The stream was looked at above.
    style: (style, text) => (styled && !json ? styleText(STYLES[style], text, { validateStream: false }) : text),
  }
}

/** https://no-color.org: any text that is not empty. */
const isColoured = (sink: TextSink, env: NodeJS.ProcessEnv): boolean =>
  sink.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb'

const errorText = ({ message, remedy }: CommandError): string =>
  [`errand: ${message}`, ...(remedy === undefined ? [] : remedy.split('\n').map((line) => `  ${line}`))].join('\n')

const errorJson = ({ message, remedy, code, exitCode }: CommandError): string =>
  JSON.stringify({ error: { message, remedy, code, exit_code: exitCode } })

function explained(error: unknown): CommandError {
  if (error instanceof CommandError) return error
  // The texts of faults are ours, and have no secrets in them.
  if (error instanceof Fault) {
    const exit = error.code === 'store_unavailable' ? EXIT.unavailable : EXIT.fault
    return new CommandError(exit, error.message, undefined, error.code)
  }
  // Another error's text may quote what it choked on, and that may be a token.
  const name = error instanceof Error ? error.name : typeof error
  return new CommandError(EXIT.fault, `something is broken: ${name}`, 'set ERRAND_DEBUG=1 to see where, and report it')
}

const framesOf = (error: unknown): string =>
  error instanceof Error
    ? `${(error.stack ?? '')
        .split('\n')
        .filter((line) => /^\s+at /.test(line))
        .join('\n')}\n`
    : ''
