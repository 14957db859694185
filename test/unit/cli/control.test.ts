import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { listKeysAt, rotateKeysAt } from '../../../src/cli/control/client.js'
import type { KeyControl } from '../../../src/cli/control/key-control.js'
import { openControl } from '../../../src/cli/control/server.js'
import { EXIT } from '../../../src/cli/exit-codes.js'
import { Fault } from '../../../src/runtime/fault.js'
import { silentLog } from '../../../src/runtime/log.js'

const KEY = { kid: 'k1', alg: 'ES256', state: 'current', createdAt: 1 } as const
const ROTATION = { activated: ['k2'], retired: ['k1'], published: ['k3'] }

let directory: string
let path: string
let asked: unknown[]
let keys: KeyControl

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'errand-control-'))
  path = join(directory, 'data', 'control.sock')
  asked = []
  keys = {
    list: () => [KEY],
    rotate: (...args) => {
      asked.push(args)
      return Promise.resolve({ ok: true, value: ROTATION })
    },
  }
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

describe('the control socket of a running broker', () => {
  test('lists and rotates keys, and is for its owner alone', async () => {
    const control = await openControl(path, keys, silentLog)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await expect(listKeysAt(path)).resolves.toEqual([KEY])
    await expect(rotateKeysAt(path, false)).resolves.toEqual({ ok: true, value: ROTATION })
    await rotateKeysAt(path, true)
    expect(asked).toEqual([
      ['command-line', { atOnce: false }],
      ['command-line', { atOnce: true }],
    ])
    await control?.stop()
  })

  test('where no broker runs, nobody answers: also where one was killed', async () => {
    await expect(listKeysAt(path)).resolves.toBeUndefined()
    const control = await openControl(path, keys, silentLog)
    await control?.stop()
    await expect(listKeysAt(path)).resolves.toBeUndefined()
  })

  test('what a killed broker left is replaced; a live one keeps its socket', async () => {
    const first = await openControl(path, keys, silentLog)
    await expect(openControl(path, keys, silentLog)).resolves.toBeUndefined()
    await expect(listKeysAt(path)).resolves.toEqual([KEY])
    await first?.stop()
    const second = await openControl(path, keys, silentLog)
    expect(second).toBeDefined()
    await second?.stop()
  })

  test('a fault in the broker, and an answer that is none, end with exit code 4', async () => {
    const broken = { ...keys, rotate: () => Promise.reject(new Fault('store_unavailable', 'down')) }
    const control = await openControl(path, broken, silentLog)
    await expect(rotateKeysAt(path, false)).rejects.toMatchObject({ exitCode: EXIT.unavailable })
    await control?.stop()
    const other = createServer((socket) => socket.end('hello\n'))
    await new Promise<void>((resolve) => other.listen(path, resolve))
    await expect(listKeysAt(path)).rejects.toMatchObject({ exitCode: EXIT.unavailable })
    await new Promise((resolve) => other.close(resolve))
  })

  test('a socket that cannot be made does not keep the broker from running', async () => {
    const tooLong = join(directory, 'x'.repeat(120), 'control.sock')
    writeFileSync(join(directory, 'file'), '')
    await expect(openControl(tooLong, keys, silentLog)).resolves.toBeUndefined()
    await expect(openControl(join(directory, 'file', 'control.sock'), keys, silentLog)).resolves.toBeUndefined()
    expect(readdirSync(directory)).toEqual(['file'])
  })
})
