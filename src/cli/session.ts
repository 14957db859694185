import { readFileSync } from 'node:fs'
import { configFile, readSettings } from '../config/read-settings.js'
import type { Settings } from '../config/settings.js'
import { signLocalPersonToken } from '../people/local-person.js'
import { isLoopback } from '../runtime/bounded-fetch.js'
import { createApi, type Api } from './api.js'
import { CommandError } from './command-error.js'
import { EXIT } from './exit-codes.js'
import type { Io } from './io.js'

/** Options that every command has. */
export interface GlobalOptions {
  readonly json?: boolean
  readonly url?: string
  readonly config?: string
  readonly tokenFile?: string
}

/** Which broker a command talks to, and as whom. Nothing is read before it is needed. */
export interface Session {
  api(): Api
  /** A token of the person who runs the command; anew for each request, since the local person's lives for a minute. */
  personToken(): string
  /** The configuration of this machine; most commands can do without. */
  settings(): Settings
}

export function openSession(options: GlobalOptions, io: Pick<Io, 'env' | 'clock'>): Session {
  let read: Settings | undefined
  const settings = (): Settings => (read ??= loadSettings(options, io.env))
  let api: Api | undefined
  const opened = (): Api => (api ??= createApi(checkedUrl(options.url ?? settings().issuer)))
  return {
    settings,
    api: opened,
    personToken: () => givenToken(options, io.env) ?? localToken(settings(), opened().url, io),
  }
}

function loadSettings(options: GlobalOptions, env: NodeJS.ProcessEnv): Settings {
  const loaded = readSettings(options.config, env)
  if (loaded.ok) return loaded.value
  const file = configFile(options.config, env)
  const [first] = loaded.refusal
  throw new CommandError(
    EXIT.usage,
    `the configuration ${file} does not load: ${first?.path ?? ''} ${first?.message ?? ''}`,
    '`errand config check` says all that is wrong with it; elsewhere than on its machine, give --url and --token-file',
  )
}

/** Tokens and assertions are as good as passwords. */
function checkedUrl(url: string): string {
  const { protocol, hostname } = new URL(url)
  if (protocol === 'https:' || isLoopback(hostname)) return url
  throw new CommandError(EXIT.usage, `${url} is plain http beyond this machine`, 'write https://…')
}

function givenToken({ tokenFile }: GlobalOptions, env: NodeJS.ProcessEnv): string | undefined {
  if (tokenFile !== undefined) return tokenIn(readText(tokenFile), `${tokenFile} holds no token`)
  const token = env['ERRAND_TOKEN']
  return token ? tokenIn(token, 'ERRAND_TOKEN is no token') : undefined
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw new CommandError(EXIT.usage, `${file} cannot be read`)
  }
}

/** Only printable characters without spaces: a token goes into a header. */
export function tokenIn(text: string, complaint: string): string {
  const token = text.trim()
  if (!/^[\x21-\x7E]+$/.test(token))
    throw new CommandError(EXIT.usage, complaint, 'it must hold the token and nothing else')
  return token
}

const HOW_TO_SIGN_IN =
  'give a token of a people issuer with --token-file FILE or ERRAND_TOKEN;\n' +
  'on one machine alone, `preset: local` under people makes you the one person who decides'

function localToken(settings: Settings, url: string, { clock }: Pick<Io, 'clock'>): string {
  const local = settings.people.find((source) => source.kind === 'local')
  if (local === undefined) throw new CommandError(EXIT.usage, 'a person must be signed in for this', HOW_TO_SIGN_IN)
  // Nobody else may see such a token, were it only for its minute.
  if (!isLoopback(new URL(url).hostname))
    throw new CommandError(EXIT.usage, 'the local person is known on this machine only', HOW_TO_SIGN_IN)
  return signLocalPersonToken(local.keyFile, clock.now())
}
