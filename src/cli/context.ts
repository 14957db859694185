import type { Command } from 'commander'
import type { ExitCode } from './exit-codes.js'
import type { Io } from './io.js'
import { createOutput, type Output } from './output.js'
import { openSession, type GlobalOptions, type Session } from './session.js'

/** What a command has to work with. */
export interface Context {
  readonly io: Io
  readonly output: Output
  readonly session: Session
  readonly options: GlobalOptions
}

/** A command's work: its arguments and options as commander parsed them. No code means that all went well. */
export type Work<Options, Args extends readonly unknown[]> = (
  context: Context,
  options: Options,
  ...args: Args
) => Promise<ExitCode | undefined> | ExitCode | undefined

/** Ties a command to its work; where the outcome goes is known to `program.ts` alone. */
export type Bind = <Options, Args extends readonly unknown[]>(command: Command, work: Work<Options, Args>) => Command

export function contextOf(command: Command, io: Io): Context {
  const options = command.optsWithGlobals<GlobalOptions>()
  return { io, output: createOutput(io, options.json === true), session: openSession(options, io), options }
}
