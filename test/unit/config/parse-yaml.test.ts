import { describe, expect, test } from '@jest/globals'
import { parseYaml } from '../../../src/config/parse-yaml.js'

describe('the file is YAML that every reader takes the same way', () => {
  test.each([
    { what: 'a key twice', text: 'a: 1\na: 2', path: 'line 2, column 1' },
    { what: 'a key twice, in two spellings', text: 'a: 1\n"a": 2', path: 'line 2, column 1' },
    { what: 'a tag', text: 'a: !!js/function x', path: 'line 1, column 4' },
    { what: 'an alias', text: 'a: &x [1]\nb: *x', path: '(the file)' },
    { what: 'an alias of itself', text: 'a: &x [*x]', path: '(the file)' },
    { what: 'an alias of nothing', text: 'a: *x', path: '(the file)' },
    { what: 'two documents', text: 'a: 1\n---\nb: 2', path: 'line 2, column 1' },
    { what: 'a key that is a section', text: '? { a: 1 }\n: 2', path: 'line 1, column 3' },
    { what: 'a key that copies would drop', text: 'a: { __proto__: { b: 1 } }', path: '(the file)' },
    { what: 'an open bracket', text: 'a: [1', path: 'line 1, column 6' },
    { what: 'a tab as indentation', text: 'a:\n\tb: 1', path: 'line 2, column 1' },
    { what: 'more than 1 MiB', text: `a: ${'x'.repeat(1_048_576)}`, path: '(the file)' },
  ])('refuses $what', ({ text, path }) => {
    const parsed = parseYaml(text)
    expect(parsed.ok ? [] : parsed.refusal[0]?.path).toBe(path)
  })

  test('all faults are told at once', () => {
    const parsed = parseYaml('a: 1\na: 2\nb: 1\nb: 2')
    expect(parsed.ok ? [] : parsed.refusal.map(({ path }) => path)).toEqual(['line 2, column 1', 'line 4, column 1'])
  })

  test('yes, dates and << are texts; numbers as keys too', () => {
    const parsed = parseYaml('a: yes\nb: 2026-01-01\n<<: 1\n1: one\nc: 0x10\nd: null')
    expect(parsed).toEqual({ ok: true, value: { a: 'yes', b: '2026-01-01', '<<': 1, 1: 'one', c: 16, d: null } })
  })
})
