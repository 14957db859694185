import { describe, expect, test } from '@jest/globals'
import { nameNotAllowed, type NamePatterns } from '../../../src/policy/certificate-names.js'
import { compilePattern, type Pattern } from '../../../src/workloads/pattern.js'

const compiled = (...texts: readonly string[]): readonly Pattern[] =>
  texts.flatMap((text) => {
    const pattern = compilePattern(text)
    return pattern.ok ? [pattern.value] : []
  })
const patterns: NamePatterns = { commonName: compiled('deploy_*', 'ci'), dns: compiled('*.db.example.com') }

describe('contract §2: names only as resources[].certificate allows', () => {
  test.each([
    [{ common_name: 'deploy_shop', dns: [] }],
    [{ common_name: 'ci', dns: ['a.db.example.com', 'b.c.db.example.com'] }],
    [{ dns: ['a.db.example.com'] }],
  ])('%j are', (names) => {
    expect(nameNotAllowed(patterns, names)).toBeUndefined()
  })

  test.each([
    [{ common_name: 'postgres', dns: [] }, 'postgres'],
    [{ common_name: 'xdeploy_shop', dns: [] }, 'xdeploy_shop'],
    [{ common_name: 'ci', dns: ['a.db.example.com', 'db.example.com.evil.example'] }, 'db.example.com.evil.example'],
    [{ common_name: 'a.db.example.com', dns: [] }, 'a.db.example.com'],
    [{ dns: ['ci'] }, 'ci'],
  ])('%j are not, for one name', (names, name) => {
    expect(nameNotAllowed(patterns, names)).toBe(name)
  })

  test('a resource without patterns takes no names, and a kind of name without patterns is not taken', () => {
    expect(nameNotAllowed(undefined, { common_name: 'ci', dns: [] })).toBe('ci')
    expect(nameNotAllowed(undefined, { dns: [] })).toBeUndefined()
    expect(nameNotAllowed({ commonName: compiled('*'), dns: [] }, { dns: ['ci'] })).toBe('ci')
  })
})
