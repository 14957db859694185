// @ts-check
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** @param {string[]} parts */
export const at = (...parts) => join(root, ...parts)

/** What the tools remember between two runs; never committed, safe to delete. */
export const cache = at('.cache', 'tooling')
