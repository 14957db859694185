import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { CommandError } from '../command-error.js'
import { EXIT } from '../exit-codes.js'

/** This very program, for the processes of the demo. */
export const ERRAND: readonly string[] = [...process.execArgv, fileURLToPath(new URL('../main.js', import.meta.url))]

const TIMEOUT_MS = 10_000

/** Runs a command as a person at a terminal would, with `--json`. @returns the document that it printed */
export function errand(args: readonly string[], env: NodeJS.ProcessEnv): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const options = { env, timeout: TIMEOUT_MS }
    execFile(process.execPath, [...ERRAND, ...args, '--json'], options, (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout) as unknown)
      else reject(new CommandError(EXIT.refused, `errand ${args.slice(0, 2).join(' ')} failed`, stderr.trim()))
    })
  })
}
