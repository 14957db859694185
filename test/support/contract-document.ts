import { readFileSync } from 'node:fs'
import { at } from '../../config/tooling/paths.mjs'

/** docs/contract.md, as tests compare it with what is served. */
export const contract = readFileSync(at('docs/contract.md'), 'utf8')

/** The text of section `number`; `undefined` when there is none. */
export function sectionOf(number: string): string | undefined {
  const [, text] = contract.split(new RegExp(`^## ${number}\\. .*$`, 'm'))
  return text?.split(/^## /m)[0]
}

/** What stands first in each row of the table below a heading, without its backquotes. */
export function firstCellsOf(heading: string): readonly string[] {
  const [, text = ''] = contract.split(`\n### ${heading}\n`)
  const [part = ''] = text.split(/^#{2,3} /m)
  return [...part.matchAll(/^\| `([^`]+)` \|/gm)].map(([, cell = '']) => cell)
}

/** The example of a grant. */
export function exampleGrant(): Readonly<Record<string, unknown>> {
  const [, json = '{}'] = /^```json\n([\s\S]*?)^```$/m.exec(contract) ?? []
  return JSON.parse(json) as Readonly<Record<string, unknown>>
}
