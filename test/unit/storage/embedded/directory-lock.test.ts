import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { Fault } from '../../../../src/runtime/fault.js'
import { lockDirectory } from '../../../../src/storage/embedded/directory-lock.js'
import { turnableClock } from '../../../support/clock.js'

let folder: string
const clock = turnableClock()

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-lock-'))
})

afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const holder = (changes: object = {}) =>
  JSON.stringify({ pid: process.pid, started: 'long ago', host: hostname(), nonce: 'n', ...changes })

const expectFree = async () => {
  const lock = lockDirectory(folder, clock)
  expect(JSON.parse(await readFile(join(folder, 'lock'), 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() })
  lock.release()
  expect(await readdir(folder)).toEqual([])
}

describe('the lock of a data directory', () => {
  test('is held by one, who is named to the next; released, it is free', async () => {
    const lock = lockDirectory(folder, clock)
    expect((await stat(join(folder, 'lock'))).mode & 0o777).toBe(0o600)
    expect(() => lockDirectory(folder, clock)).toThrow(
      new Fault(
        'store_unavailable',
        `the data directory ${folder} is in use by process ${process.pid} on ${hostname()}: ` +
          'the embedded store is for one broker; stop that one, or use Redis for several',
      ),
    )
    expect(await readdir(folder)).toEqual(['lock'])
    lock.release()
    await expectFree()
  })

  test('of a process that is alive holds, whoever it is', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] })
    await once(child, 'spawn')
    const text = await readFile(`/proc/${child.pid ?? 0}/stat`, 'utf8')
    const started = text.slice(text.lastIndexOf(')') + 2).split(' ')[19]
    await writeFile(join(folder, 'lock'), holder({ pid: child.pid, started }))
    expect(() => lockDirectory(folder, clock)).toThrow(`is in use by process ${child.pid ?? 0}`)
    const ended = once(child, 'exit')
    child.stdin.end()
    await ended
    await expectFree()
  })

  test('of a process that has gone is broken, though its number is in use again', async () => {
    await writeFile(join(folder, 'lock'), holder())
    await expectFree()
  })

  test('that nobody can read is broken', async () => {
    await writeFile(join(folder, 'lock'), '')
    await expectFree()
    await writeFile(join(folder, 'lock'), '{"pid":"1"}')
    await expectFree()
  })

  test('of another machine holds while it is touched, and half a minute longer', async () => {
    await writeFile(join(folder, 'lock'), holder({ host: 'elsewhere.example.com' }))
    await utimes(join(folder, 'lock'), clock.now() - 29, clock.now() - 29)
    expect(() => lockDirectory(folder, clock)).toThrow('on elsewhere.example.com')
    await utimes(join(folder, 'lock'), clock.now() - 31, clock.now() - 31)
    await expectFree()
  })
})
