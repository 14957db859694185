import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { at } from '../../../config/tooling/paths.mjs'
import { contract, exampleGrant, firstCellsOf, sectionOf } from '../../support/contract-document.js'

const filesIn = (folder: string, ending: string): readonly (readonly [string, string])[] =>
  readdirSync(at(folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => [join(folder, name), readFileSync(join(at(folder), name), 'utf8')])

const SOURCES = filesIn('src', '.ts')

/** A citation and the place in the section that it names: in quotes, in backquotes, or as a test's title begins. */
const CITATION = /[Cc]ontract §(\d)(?:,? (?:"([^"]+)"|`([^`]+)`)|, ([A-Z][a-z ]+?)(?=[,:'"]))?/g
/** A comment's next line begins with an asterisk. */
const flat = (text: string): string => text.replace(/\n\s*(?:\*|\/\/) ?/g, ' ').replace(/\s+/g, ' ')

describe('docs/contract.md', () => {
  test('has every section and every place in it that the source, the tests and the documents cite', () => {
    const cited = [...SOURCES, ...filesIn('test', '.ts'), ...filesIn('docs', '.md')].flatMap(([file, text]) =>
      [...flat(text).matchAll(CITATION)].map(([, section = '', ...names]) => ({
        file,
        section,
        // Of the three at most one is there.
        name: names.join(''),
      })),
    )
    expect(cited.length).toBeGreaterThan(100)
    const unresolved = cited.filter(({ section, name }) => {
      const text = sectionOf(section)
      return text === undefined || !flat(text).includes(name)
    })
    expect(unresolved).toEqual([])
  })

  test('has every error code that is answered, and no other', () => {
    const [defining, ...others] = SOURCES.toSorted(([name]) => (name.endsWith('oauth/error.ts') ? -1 : 1))
    const known = [...(defining?.[1] ?? '').matchAll(/^ {2}\| '(\w+)'/gm)].map(([, code = '']) => code)
    const answered = known.filter((code) => others.some(([, text]) => text.includes(`'${code}'`)))
    expect(answered.length).toBeGreaterThan(10)
    expect([...firstCellsOf('Errors')].sort()).toEqual(answered.sort())
  })

  test('has every claim that a JWT can have, and no other', () => {
    const source = readFileSync(at('src/issuance/jwt.ts'), 'utf8')
    const [, members = ''] = /export interface AccessTokenClaims \{\n([\s\S]*?)\n\}/.exec(source) ?? []
    const claims = [...members.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name = '']) => name)
    expect(claims.length).toBeGreaterThan(10)
    const [, jwt = ''] = contract.split('**JWT.**')
    const documented = [...(jwt.split('**Workloads**')[0] ?? '').matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)
    expect(documented.sort()).toEqual(claims.sort())
  })

  test('its example of a grant names the terms as they are digested', () => {
    const source = readFileSync(at('src/grants/grant.ts'), 'utf8')
    const [, members = ''] = /export interface Terms \{\n([\s\S]*?)\n\}/.exec(source) ?? []
    const terms = [...members.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name = '']) => name)
    expect(terms).toHaveLength(16)
    const stated = contract.split('**Digest.**')[1]?.split('\n\n')[0] ?? ''
    for (const name of terms) expect(stated).toContain(`\`${name}\``)
    const shown = ['v', 'issuer', ...Object.keys(exampleGrant())]
    for (const name of terms) expect(shown).toContain(name)
  })
})
