import type { z } from 'zod'
import { configDocument, type ConfigDocument } from './document.js'

/**
 * What of the file has a sound shape, part by part, so that the checks of meaning can run beside the faults of shape and
 * all are told at once. A part that is `undefined` has been reported already; its name may still be referred to.
 */
export interface Draft {
  readonly issuer: string | undefined
  readonly trust_domain: string | undefined
  readonly listen: readonly (ConfigDocument['listen'][number] | undefined)[]
  readonly pki: ConfigDocument['pki'] | undefined
  readonly store: ConfigDocument['store'] | undefined
  readonly data_directory: string | undefined
  readonly keys: ConfigDocument['keys'] | undefined
  readonly workloads: readonly (ConfigDocument['workloads'][number] | undefined)[]
  readonly people: readonly (ConfigDocument['people'][number] | undefined)[]
  readonly roles: ConfigDocument['roles'] | undefined
  readonly resources: readonly (ConfigDocument['resources'][number] | undefined)[]
  /** Each name that stands under `tiers`. */
  readonly tiers: ReadonlyMap<string, ConfigDocument['tiers'][string] | undefined>
  readonly policies: string | undefined
  readonly limits: ConfigDocument['limits'] | undefined
  readonly log: ConfigDocument['log'] | undefined
}

export function draftOf(raw: unknown): Draft {
  const { shape } = configDocument
  const root = isSection(raw) ? raw : {}
  return {
    issuer: part(shape.issuer, root['issuer']),
    trust_domain: part(shape.trust_domain, root['trust_domain']),
    listen: listed(shape.listen.element, root['listen']),
    pki: part(shape.pki, root['pki']),
    store: part(shape.store, root['store']),
    data_directory: part(shape.data_directory, root['data_directory']),
    keys: part(shape.keys, root['keys']),
    workloads: listed(shape.workloads.element, root['workloads']),
    people: listed(shape.people.unwrap().element, root['people']),
    roles: part(shape.roles, root['roles']),
    resources: listed(shape.resources.element, root['resources']),
    tiers: named(shape.tiers.valueType, root['tiers']),
    policies: part(shape.policies, root['policies']),
    limits: part(shape.limits, root['limits']),
    log: part(shape.log, root['log']),
  }
}

/** A key that is not known is no reason not to look at the rest. */
function part<S extends z.ZodType>(schema: S, raw: unknown): z.output<S> | undefined {
  const first = schema.safeParse(raw)
  if (first.success) return first.data
  const second = schema.safeParse(withoutUnknownKeys(raw, first.error.issues))
  return second.success ? second.data : undefined
}

const listed = <S extends z.ZodType>(schema: S, raw: unknown): readonly (z.output<S> | undefined)[] =>
  Array.isArray(raw) ? raw.map((entry) => part(schema, entry)) : []

const named = <S extends z.ZodType>(schema: S, raw: unknown): ReadonlyMap<string, z.output<S> | undefined> =>
  new Map(isSection(raw) ? Object.entries(raw).map(([name, entry]) => [name, part(schema, entry)]) : [])

function withoutUnknownKeys(raw: unknown, issues: readonly z.core.$ZodIssue[]): unknown {
  const copy = structuredClone(raw)
  for (const { path, keys } of unknownKeys(issues, [])) {
    const section = path.reduce<unknown>((value, step) => (isSection(value) ? value[String(step)] : undefined), copy)
    if (isSection(section)) for (const key of keys) Reflect.deleteProperty(section, key)
  }
  return copy
}

function unknownKeys(
  issues: readonly z.core.$ZodIssue[],
  above: readonly PropertyKey[],
): readonly { readonly path: readonly PropertyKey[]; readonly keys: readonly string[] }[] {
  return issues.flatMap((issue) => {
    const path = [...above, ...issue.path]
    if (issue.code === 'unrecognized_keys') return [{ path, keys: issue.keys }]
    return issue.code === 'invalid_union' ? issue.errors.flatMap((branch) => unknownKeys(branch, path)) : []
  })
}

const isSection = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
