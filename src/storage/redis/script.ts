import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** One Lua file: one atomic step. Redis runs it by the digest of its text, and gets the text once, when it asks for it. */
export interface Script {
  readonly name: string
  readonly text: string
  readonly digest: string
}

const FOLDER = new URL('./scripts/', import.meta.url)
const INCLUDE = /^--@include ([a-z-]+)$/gm

const read = (path: string): string => readFileSync(new URL(path, FOLDER), 'utf8')

/** Reads `scripts/<name>.lua`; a line `--@include <part>` stands for `scripts/shared/<part>.lua`. */
export function loadScript(name: string): Script {
  const text = read(`${name}.lua`).replace(INCLUDE, (_, part: string) => read(`shared/${part}.lua`))
  return { name, text, digest: createHash('sha1').update(text).digest('hex') }
}
