import { describe, expect, test } from '@jest/globals'
import { readFile } from 'node:fs/promises'
import { outputsOf } from '../../../config/tooling/build.mjs'
import { exitCodeOf, programEnv, run } from '../../../config/tooling/launch.mjs'

describe('a program that the launcher starts', () => {
  test('gets a pool thread for each core and two more, unless somebody chose', () => {
    expect(programEnv({}, 1)).toEqual({ UV_THREADPOOL_SIZE: '3' })
    expect(programEnv({}, 8)).toEqual({ UV_THREADPOOL_SIZE: '10' })
    expect(programEnv({ UV_THREADPOOL_SIZE: '3', A: 'b' }, 8)).toEqual({ UV_THREADPOOL_SIZE: '3', A: 'b' })
  })

  test('passes on its exit code, or its signal as a shell does', async () => {
    expect(exitCodeOf({ code: 0, signal: null })).toBe(0)
    expect(exitCodeOf({ code: 7, signal: null })).toBe(7)
    expect(exitCodeOf({ code: null, signal: 'SIGTERM' })).toBe(143)
    expect(exitCodeOf(await run(process.execPath, ['-e', 'process.exit(5)']))).toBe(5)
  })
})

describe('what a build puts into dist', () => {
  test('compiled sources, and copies of what is neither TypeScript nor a text about it', () => {
    expect([...outputsOf(['a.ts', 'storage/redis/end.lua', 'console/page.html', 'README.md', 'types.d.ts'])]).toEqual([
      ['a.js', undefined],
      ['a.js.map', undefined],
      ['a.d.ts', undefined],
      ['storage/redis/end.lua', 'storage/redis/end.lua'],
      ['console/page.html', 'console/page.html'],
    ])
  })
})

describe('an error made by Node', () => {
  class OwnError extends Error {}

  test('is an Error in a test, as in the program, and no more than that', async () => {
    const missing = await readFile('/no/such/file').catch((error: unknown) => error)
    const aborted: unknown = AbortSignal.abort().reason
    expect(missing instanceof Error).toBe(true)
    expect(aborted instanceof Error).toBe(true)
    expect(missing instanceof TypeError).toBe(false)
    expect(missing instanceof OwnError).toBe(false)
    expect(new OwnError() instanceof Error).toBe(true)
    expect(Object.create(null) instanceof Error).toBe(false)
  })
})
