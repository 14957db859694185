import type { z } from 'zod'
import { configDocument, type ConfigDocument } from './document.js'
import type { Path } from './fault.js'
import { alternatives, shapesAt } from './shape.js'
import { valueAt } from './value-at.js'

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
}

export interface Drafted {
  readonly draft: Draft
  /** Places where something stands in for a value that had to be left out: what is found there is not the operator's doing. */
  readonly repaired: readonly Path[]
}

export function draftOf(raw: unknown): Drafted {
  const { shape } = configDocument
  const root = sectionIn(raw)
  const repaired: Path[] = []
  const part = <S extends z.ZodType>(schema: S, ...at: Path): z.output<S> | undefined => mend(schema, at, raw, repaired)
  const listed = <S extends z.ZodType>(schema: S, key: string): readonly (z.output<S> | undefined)[] => {
    const list = valueAt(root, [key])
    return Array.isArray(list) ? list.map((_, position) => part(schema, key, position)) : []
  }
  const draft = {
    issuer: part(shape.issuer, 'issuer'),
    trust_domain: part(shape.trust_domain, 'trust_domain'),
    listen: listed(shape.listen.element, 'listen'),
    pki: part(shape.pki, 'pki'),
    store: part(shape.store, 'store'),
    data_directory: part(shape.data_directory, 'data_directory'),
    keys: part(shape.keys, 'keys'),
    workloads: listed(shape.workloads.element, 'workloads'),
    people: listed(shape.people.unwrap().element, 'people'),
    roles: part(shape.roles, 'roles'),
    resources: listed(shape.resources.element, 'resources'),
    tiers: new Map(
      Object.keys(sectionIn(valueAt(root, ['tiers']))).map((name) => [
        name,
        part(shape.tiers.valueType, 'tiers', name),
      ]),
    ),
    policies: part(shape.policies, 'policies'),
    limits: part(shape.limits, 'limits'),
  }
  return { draft, repaired }
}

/** Mending one thing can show the next, behind a union. */
const ATTEMPTS = 3

/** The part at a path, without what is wrong with it, where it can do without. */
function mend<S extends z.ZodType>(schema: S, at: Path, raw: unknown, repaired: Path[]): z.output<S> | undefined {
  const copy = structuredClone(valueAt(raw, at))
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const parsed = schema.safeParse(copy)
    if (parsed.success) return parsed.data
    const flaws = parsed.error.issues.flatMap((issue) => flawsOf(issue, []))
    if (!flaws.every((flaw) => mendFlaw(flaw, at, copy, repaired))) return undefined
  }
  return undefined
}

interface Flaw {
  readonly path: Path
  /** Set where a key is not known; it is no reason not to look at the rest, and nothing stands in for it. */
  readonly unknownKeys?: readonly string[]
}

function flawsOf(issue: z.core.$ZodIssue, above: Path): readonly Flaw[] {
  const path = [...above, ...issue.path]
  if (issue.code === 'unrecognized_keys') return [{ path, unknownKeys: issue.keys }]
  const inner = issue.code === 'invalid_union' ? issue.errors.flat().flatMap((branch) => flawsOf(branch, path)) : []
  return inner.some((flaw) => flaw.path.length > path.length || flaw.unknownKeys !== undefined)
    ? inner.filter((flaw) => flaw.path.length > path.length || flaw.unknownKeys !== undefined)
    : [{ path }]
}

/** Takes the flaw out of the copy. False where the part means nothing without it. */
function mendFlaw(flaw: Flaw, at: Path, copy: unknown, repaired: Path[]): boolean {
  if (flaw.unknownKeys !== undefined) {
    const section = sectionIn(valueAt(copy, flaw.path))
    for (const key of flaw.unknownKeys) Reflect.deleteProperty(section, key)
    return true
  }
  const key = flaw.path.at(-1)
  const parent = valueAt(copy, flaw.path.slice(0, -1))
  if (typeof key !== 'string' || !isSection(parent) || Array.isArray(parent)) return false
  const place = [...at, ...flaw.path]
  if (place.some((step) => LEANED_ON.has(step))) return false
  repaired.push(place)
  if (!isRequired(place)) return Reflect.deleteProperty(parent, key)
  const stand = standIn(place)
  if (stand !== undefined) parent[key] = stand
  return stand !== undefined
}

/** What other checks lean on: a stand-in for these would make faults elsewhere. */
const LEANED_ON: ReadonlySet<PropertyKey> = new Set(['store', 'roles', 'mapping', 'preset', 'behind_proxy'])

const isRequired = (place: Path): boolean =>
  shapesAt(place.slice(0, -1))
    .flatMap(alternatives)
    .some((node) => node.required?.includes(String(place.at(-1))) === true)

/** Only what nothing else refers to: a number, or a text whose kind has an example. */
function standIn(place: Path): unknown {
  const [node] = shapesAt(place)
  return node?.minimum ?? node?.examples?.[0]
}

/** Whether a fault here may be the doing of the mending: at the place, above or below it. */
export const isRepaired = (path: Path, repaired: readonly Path[]): boolean =>
  repaired.some((place) => place.every((step, at) => at >= path.length || path[at] === step))

const sectionIn = (value: unknown): Record<string, unknown> => (isSection(value) && !Array.isArray(value) ? value : {})

const isSection = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
