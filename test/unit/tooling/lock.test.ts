import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isAlive, startOf, withLock } from '../../../config/tooling/lock.mjs'

// More than any system gives out.
const NO_PROCESS = 2 ** 30

describe('the lock of the set-up', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'errand-lock-'))
    path = join(folder, 'lock')
  })
  afterEach(() => {
    rmSync(folder, { recursive: true })
  })

  test('ten at once run one after another', async () => {
    let inside = 0
    let most = 0
    const one = () =>
      withLock(
        path,
        async () => {
          inside += 1
          most = Math.max(most, inside)
          await sleep(2)
          inside -= 1
        },
        { pollMs: 1 },
      )
    await Promise.all(Array.from({ length: 10 }, one))
    expect(most).toBe(1)
    expect(readdirSync(folder)).toEqual([])
  })

  test('is released when the work fails', async () => {
    await expect(withLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(existsSync(path)).toBe(false)
  })

  test.each([
    ['died', { pid: NO_PROCESS, started: '', nonce: 'aa' }],
    ['died, and its id went to another process', { pid: process.pid, started: 'long ago', nonce: 'aa' }],
  ])('is broken, once, when its holder %s', async (_name, holder) => {
    writeFileSync(path, JSON.stringify(holder))
    let inside = 0
    const one = () =>
      withLock(
        path,
        async () => {
          inside += 1
          expect(inside).toBe(1)
          await sleep(2)
          inside -= 1
        },
        { pollMs: 1 },
      )
    await Promise.all([one(), one(), one()])
    expect(readdirSync(folder)).toEqual([])
  })

  test('of a living process is waited for', async () => {
    const holder = { pid: process.pid, started: startOf(process.pid), nonce: 'aa' }
    expect(isAlive(holder)).toBe(true)
    writeFileSync(path, JSON.stringify(holder))
    const waited: number[] = []
    const work = withLock(path, () => Promise.resolve('done'), { pollMs: 1, onWait: ({ pid }) => waited.push(pid) })
    while (waited.length === 0) await sleep(1)
    expect(waited).toEqual([process.pid])
    rmSync(path)
    await expect(work).resolves.toBe('done')
  })
})
