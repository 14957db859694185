import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import type { Access, Terms } from '../grants/grant.js'
import { CommandError } from './command-error.js'
import { EXIT } from './exit-codes.js'
import { isJson } from './wire.js'

/** What an approver may make smaller, as it is said on the command line. */
export interface Narrowing {
  /** Of what is asked for, these alone. */
  readonly scope?: readonly string[]
  /** Seconds. */
  readonly duration?: number
  /** Seconds. */
  readonly maxTtl?: number
  readonly maxTasks?: number
  /** A file with members of the terms, as JSON. */
  readonly terms?: string
}

/** The members of terms that people may narrow (contract §1, "Review"). */
const NARROWED = ['access', 'credential', 'delegation', 'duration_seconds', 'task'] as const

/**
 * The terms with what was said put in. Whether that is narrower, the broker decides: it alone knows all the rules,
 * and refuses with 409. `undefined` where nothing was said.
 */
export function narrowTerms(terms: Terms, narrowing: Narrowing): Terms | undefined {
  const { scope, duration, maxTtl, maxTasks, terms: file } = narrowing
  if ([scope, duration, maxTtl, maxTasks, file].every((said) => said === undefined)) return undefined
  const given = file === undefined ? terms : { ...terms, ...readMembers(file, terms) }
  return {
    ...given,
    access: scope === undefined ? given.access : onlyScopes(given.access, scope),
    duration_seconds: duration ?? given.duration_seconds,
    credential: { ...given.credential, max_ttl_seconds: maxTtl ?? given.credential.max_ttl_seconds },
    task: { ...given.task, max_tasks: maxTasks ?? given.task.max_tasks },
  }
}

/** Details stay as they are: which of them go, a file says. Access of which nothing is left goes. */
function onlyScopes(access: readonly Access[], scope: readonly string[]): readonly Access[] {
  const wanted = scope.flatMap((text) => text.split(' ')).filter((one) => one !== '')
  const asked = new Set(access.flatMap((one) => one.scope.split(' ')))
  const unknown = wanted.find((one) => !asked.has(one))
  if (unknown !== undefined)
    throw new CommandError(EXIT.usage, `${unknown} is not asked for`, 'name scopes that the grant shows')
  return access
    .map((one) => ({
      ...one,
      scope: one.scope
        .split(' ')
        .filter((name) => wanted.includes(name))
        .join(' '),
    }))
    .filter((one) => one.scope !== '' || one.authorization_details.length > 0)
}

/** Complete terms will do as well, as long as they are of this grant. */
function readMembers(file: string, terms: Terms): Partial<Terms> {
  const members = readJson(file)
  for (const [name, value] of Object.entries(members)) {
    if (NARROWED.some((one) => one === name)) continue
    if (Object.hasOwn(terms, name) && isDeepStrictEqual(value, terms[name as keyof Terms])) continue
    const remedy = `give only what is to be narrower: ${NARROWED.join(', ')}`
    throw new CommandError(EXIT.usage, `${name} in ${file} cannot be changed by a review`, remedy)
  }
  for (const name of ['credential', 'task'] as const)
    if (members[name] !== undefined && !isJson(members[name]))
      throw new CommandError(EXIT.usage, `${name} in ${file} is not an object`)
  if (members['access'] !== undefined && !isAccess(members['access']))
    throw new CommandError(EXIT.usage, `access in ${file} is not a list of audience, scope and authorization_details`)
  return members
}

const isAccess = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.every((one) => isJson(one) && typeof one['scope'] === 'string' && Array.isArray(one['authorization_details']))

function readJson(file: string): Readonly<Record<string, unknown>> {
  try {
    const members: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (isJson(members)) return members
  } catch {
    // Told below.
  }
  throw new CommandError(EXIT.usage, `${file} cannot be read as a JSON object`)
}
