import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { refuse, type Result } from '../runtime/result.js'
import type { ConfigFault } from './fault.js'
import { loadConfig } from './load-config.js'
import type { Settings } from './settings.js'

/** The file that is read where nobody names one: the shipped one, beside the package's `dist`. */
const SHIPPED = fileURLToPath(new URL('../../config/errand.yaml', import.meta.url))

/** Where the configuration is: the path given, else `ERRAND_CONFIG`, else the shipped file. Absolute. */
export function configFile(path?: string, env: NodeJS.ProcessEnv = process.env): string {
  const named = path ?? env['ERRAND_CONFIG'] ?? ''
  return resolve(named === '' ? SHIPPED : named)
}

/** Reads and checks the configuration of this machine. */
export function readSettings(
  path?: string,
  env: NodeJS.ProcessEnv = process.env,
): Result<Settings, readonly ConfigFault[]> {
  const file = configFile(path, env)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return refuse([
      {
        path: '(the file)',
        message: `${file} cannot be read`,
        remedy: 'set ERRAND_CONFIG to the path of the configuration',
      },
    ])
  }
  return loadConfig(text, { directory: dirname(file), readFile: (name) => readFileSync(name), env })
}
