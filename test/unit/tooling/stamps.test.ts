import { describe, expect, test } from '@jest/globals'
import { installStamp, isFresh, isInstalled, sourceStamp } from '../../../config/tooling/stamps.mjs'

const linux = { platform: 'linux', arch: 'x64' }

describe('a stamp', () => {
  test('is fresh only if it was recorded and is the same', () => {
    expect(isFresh(undefined, 'a')).toBe(false)
    expect(isFresh('b\n', 'a')).toBe(false)
    expect(isFresh('', '')).toBe(true)
    expect(isFresh('a\n', 'a')).toBe(true)
  })

  test('of an installation changes with the lock file and with the machine', () => {
    const stamp = installStamp('{}', linux)
    expect(installStamp('{}', { ...linux })).toBe(stamp)
    expect(installStamp('{ }', linux)).not.toBe(stamp)
    expect(installStamp('{}', { ...linux, arch: 'arm64' })).not.toBe(stamp)
  })

  test('of the sources changes with names, sizes, times and tools, not with their order', () => {
    const a = { path: 'a', size: 1, mtimeMs: 1 }
    const b = { path: 'b', size: 1, mtimeMs: 1 }
    const stamp = sourceStamp([a, b], 'tsc')
    expect(sourceStamp([b, a], 'tsc')).toBe(stamp)
    for (const changed of [
      { ...b, path: 'c' },
      { ...b, size: 2 },
      { ...b, mtimeMs: 2 },
    ]) {
      expect(sourceStamp([a, changed], 'tsc')).not.toBe(stamp)
    }
    expect(sourceStamp([a], 'tsc')).not.toBe(stamp)
    expect(sourceStamp([a, b], 'other')).not.toBe(stamp)
  })
})

describe('what is installed', () => {
  const root = { version: '1.0.0' }
  const needed = { version: '1.2.3', integrity: 'sha512-x' }
  const locked = { packages: { '': root, 'node_modules/a': needed, 'node_modules/b': { ...needed, optional: true } } }

  test('equals the lock file, where optional packages may be absent', () => {
    expect(isInstalled(locked, { packages: { 'node_modules/a': needed } })).toBe(true)
    expect(isInstalled(locked, { packages: { 'node_modules/a': needed, 'node_modules/b': needed } })).toBe(true)
  })

  test('may hold optional packages of a platform that the lock file does not know', () => {
    const more = { 'node_modules/c': { ...needed, optional: true } }
    expect(isInstalled(locked, { packages: { 'node_modules/a': needed, ...more } })).toBe(true)
  })

  test.each([
    ['nothing', undefined],
    ['no packages', { packages: {} }],
    ['another version', { packages: { 'node_modules/a': { ...needed, version: '1.2.4' } } }],
    ['another content', { packages: { 'node_modules/a': { ...needed, integrity: 'sha512-y' } } }],
    ['an old optional package', { packages: { 'node_modules/a': needed, 'node_modules/b': root } }],
    ['a package too many', { packages: { 'node_modules/a': needed, 'node_modules/c': needed } }],
  ])('does not equal it: %s', (_name, installed) => {
    expect(isInstalled(locked, installed)).toBe(false)
  })
})
