import type { Path } from './fault.js'

/** The value at a path of a plain document, by own members only; `undefined` where there is none. */
export const valueAt = (document: unknown, path: Path): unknown =>
  path.reduce<unknown>((value, step) => (holds(value, step) ? value[step] : undefined), document)

const holds = (value: unknown, step: PropertyKey): value is Record<PropertyKey, unknown> =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, step)
