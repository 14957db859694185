import { describe, expect, test } from '@jest/globals'
import { complianceFaults, linkFaults, titlesIn } from '../../../config/tooling/compliance.mjs'

const treeOf = (files: Readonly<Record<string, string>>) => ({
  exists: (path: string) => Object.keys(files).some((file) => file === path || file.startsWith(`${path}/`)),
  read: (path: string) => files[path] ?? '',
})

const SOURCE = `
describe('a group', () => {
  test('one', () => { helper('no title'); expect('neither').toBe('this') })
  test.each([['table']])('each of %s', () => undefined)
  test.each(rows)(\`with \${NAME} in it\`, () => undefined)
})
describe.each(STORES)('on $name', () => undefined)
// test('in a comment', () => undefined)
`

describe('titles of tests', () => {
  test('are those of test and describe, with each, and nothing else that is a text', () => {
    expect(titlesIn(SOURCE)).toEqual(['a group', 'one', 'each of %s', 'with ${NAME} in it', 'on $name'])
  })
})

describe('docs/rfc-compliance.md', () => {
  const tree = treeOf({ 'src/a.ts': '', 'src/b.ts': '', 'test/a.test.ts': SOURCE })
  const document = (...rows: readonly string[]): string =>
    ['Text.', '', '| Clause | Where | Test |', '|---|---|---|', ...rows, ''].join('\n')

  test.each([
    '| RFC 1 §1 | `src/a.ts` | `test/a.test.ts` one |',
    '| RFC 1 §1 | `src/a.ts`, `src/b.ts` | `test/a.test.ts` each of %s<br>`test/a.test.ts` one |',
    '| RFC 1 §1 | `src` | `test/a.test.ts` with ${NAME} |',
    '| RFC 1 §2 | no | nobody asks for it |',
  ])('is sound: %s', (row) => {
    expect(complianceFaults(document(row), tree)).toEqual([])
  })

  test.each([
    ['| RFC 1 §1 | `src/c.ts` | `test/a.test.ts` one |', 'RFC 1 §1: there is no file src/c.ts'],
    ['| RFC 1 §1 | `src/a.ts` | `test/b.test.ts` one |', 'RFC 1 §1: there is no file test/b.test.ts'],
    ['| RFC 1 §1 | `src/a.ts` | `test/a.test.ts` two |', 'RFC 1 §1: test/a.test.ts has no test “two”'],
    ['| RFC 1 §1 | `src/a.ts` | `test/a.test.ts` no title |', 'RFC 1 §1: test/a.test.ts has no test “no title”'],
    [
      '| RFC 1 §1 | `src/a.ts` | `test/a.test.ts` in a comment |',
      'RFC 1 §1: test/a.test.ts has no test “in a comment”',
    ],
    ['| RFC 1 §1 | `src/a.ts` | `test/a.test.ts` |', 'RFC 1 §1: names no test with its title'],
    ['| RFC 1 §1 | `src/a.ts` | |', 'RFC 1 §1: names no test with its title'],
    ['| RFC 1 §1 | | `test/a.test.ts` one |', 'RFC 1 §1: names no file'],
    ['| RFC 1 §1 | no | |', 'RFC 1 §1: says no, and not why'],
  ])('is not sound: %s', (row, fault) => {
    expect(complianceFaults(document(row), tree)).toEqual([fault])
  })
})

describe('links between documents', () => {
  const faults = (text: string) =>
    linkFaults(
      'docs/a.md',
      treeOf({ 'docs/a.md': text, 'docs/b.md': '# Two words, `code`\n', 'README.md': '', 'deploy/x': '' }),
    )

  test.each([
    '[b](b.md) [readme](../README.md) [folder](../deploy)',
    '[heading](b.md#two-words-code)',
    '# Own\n[here](#own)',
    '[elsewhere](https://example.com/nothing.md) [mail](mailto:a@example.com)',
    '`[code](nothing.md)`',
    '```\n[code](nothing.md)\n```',
  ])('lead somewhere: %j', (text) => {
    expect(faults(text)).toEqual([])
  })

  test.each([
    ['[b](c.md)', 'docs/a.md: c.md leads nowhere'],
    ['[b](README.md)', 'docs/a.md: README.md leads nowhere'],
    ['![picture](p.png)', 'docs/a.md: p.png leads nowhere'],
    ['[heading](b.md#three)', 'docs/a.md: b.md#three leads to no heading'],
    ['[here](#nowhere)', 'docs/a.md: #nowhere leads to no heading'],
    ['```\ncode\n```\n[b](c.md)', 'docs/a.md: c.md leads nowhere'],
  ])('lead nowhere: %j', (text, fault) => {
    expect(faults(text)).toEqual([fault])
  })
})
