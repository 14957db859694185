import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import type { Command } from 'commander'
import { CommandError } from './command-error.js'
import { EXIT } from './exit-codes.js'
import { tokenIn } from './session.js'

/** Where a workload's assertion comes from. Each call may give another: an assertion often serves once only. */
export type AssertionSource = () => Promise<string>

export interface AssertionOptions {
  readonly assertionFile?: string
  readonly assertionCommand?: string
}

export const withAssertion = (command: Command): Command =>
  command
    .option('--assertion-file <file>', 'the workload’s assertion (its OIDC token); - for standard input')
    .option('--assertion-command <command>', 'a shell command that prints a fresh assertion each time it is asked')

const COMMAND_TIMEOUT_MS = 30_000
const MAX_BYTES = 64 * 1024

/** @returns `undefined` when no assertion was named: then a person acts */
export function assertionSource(options: AssertionOptions): AssertionSource | undefined {
  const { assertionFile: file, assertionCommand: command } = options
  if (file !== undefined && command !== undefined)
    throw new CommandError(EXIT.usage, '--assertion-file and --assertion-command exclude one another')
  if (command !== undefined) return () => runCommand(command)
  if (file === '-') return standardInput()
  return file === undefined ? undefined : () => Promise.resolve(readAssertion(file, file))
}

export function requireAssertion(options: AssertionOptions): AssertionSource {
  const source = assertionSource(options)
  if (source !== undefined) return source
  throw new CommandError(EXIT.usage, 'which workload?', 'give --assertion-file FILE or --assertion-command COMMAND')
}

/** Standard input can be read once only. */
function standardInput(): AssertionSource {
  let read: string | undefined
  return () => Promise.resolve((read ??= readAssertion(0, 'standard input')))
}

function readAssertion(file: string | number, name: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    throw new CommandError(EXIT.usage, `${name} cannot be read`)
  }
  return tokenIn(text, `${name} holds no assertion`)
}

async function runCommand(command: string): Promise<string> {
  const limits = { timeout: COMMAND_TIMEOUT_MS, maxBuffer: MAX_BYTES }
  let stdout: string
  try {
    ;({ stdout } = await promisify(execFile)('/bin/sh', ['-c', command], limits))
  } catch {
    throw new CommandError(EXIT.usage, 'the assertion command failed', 'run it by itself to see why')
  }
  return tokenIn(stdout, 'the assertion command printed no assertion')
}
