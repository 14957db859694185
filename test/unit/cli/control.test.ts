import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import {
  importChainAt,
  importCrlAt,
  listAuthoritiesAt,
  listKeysAt,
  requestAuthorityAt,
  rotateAuthorityAt,
  rotateKeysAt,
} from '../../../src/cli/control/client.js'
import type { CaControl, Control, KeyControl } from '../../../src/cli/control/control.js'
import { openControl } from '../../../src/cli/control/server.js'
import { EXIT } from '../../../src/cli/exit-codes.js'
import { Fault } from '../../../src/runtime/fault.js'
import { silentLog } from '../../../src/runtime/log.js'

const KEY = { kid: 'k1', alg: 'ES256', state: 'current', createdAt: 1 } as const
const CA = {
  id: '0123456789abcdef',
  state: 'current',
  subject: 'O=errand.test, CN=Errand issuing CA',
  notBefore: 1,
  notAfter: 2,
} as const
const ROTATION = { activated: ['k2'], retired: ['k1'], published: ['k3'] }

let directory: string
let path: string
let asked: unknown[]
let keys: KeyControl
let authorities: CaControl

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
  const note = (verb: string) => (by: string, given: unknown) => {
    asked.push([verb, by, given])
  }
  authorities = {
    list: () => [CA],
    rotate: (by, options) => {
      note('rotate')(by, options)
      return Promise.resolve({ ok: true, value: { ...ROTATION, revoked: [], unlisted: [] } })
    },
    request: (by, options) => {
      note('request')(by, options)
      return Promise.resolve('a request')
    },
    importChain: (by, pem) => {
      note('importChain')(by, pem)
      return Promise.resolve({ ok: false, refusal: { reason: 'no_request' } })
    },
    importCrl: (by, bytes) => {
      note('importCrl')(by, bytes.length)
      return Promise.resolve({ ok: true, value: { id: CA.id } })
    },
  }
})

const open = (at = path, given: Partial<Control> = {}) => openControl(at, { keys, authorities, ...given }, silentLog)

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

describe('the control socket of a running broker', () => {
  test('lists and rotates keys, and is for its owner alone', async () => {
    const control = await open()
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

  test('lists, rotates, requests and imports authorities', async () => {
    const control = await open()
    await expect(listAuthoritiesAt(path)).resolves.toEqual([CA])
    for (const options of [
      { atOnce: false, leaked: false },
      { atOnce: true, leaked: false },
      { atOnce: true, leaked: true },
    ])
      await expect(rotateAuthorityAt(path, options)).resolves.toMatchObject({ ok: true })
    await expect(requestAuthorityAt(path, false)).resolves.toBe('a request')
    await requestAuthorityAt(path, true)
    await expect(importChainAt(path, 'PEM')).resolves.toEqual({ ok: false, refusal: { reason: 'no_request' } })
    await expect(importCrlAt(path, Buffer.alloc(1024 * 1024, 7))).resolves.toEqual({ ok: true, value: { id: CA.id } })
    expect(asked).toEqual([
      ['rotate', 'command-line', { atOnce: false, leaked: false }],
      ['rotate', 'command-line', { atOnce: true, leaked: false }],
      ['rotate', 'command-line', { atOnce: true, leaked: true }],
      ['request', 'command-line', { fresh: false }],
      ['request', 'command-line', { fresh: true }],
      ['importChain', 'command-line', 'PEM'],
      ['importCrl', 'command-line', 1024 * 1024],
    ])
    await control?.stop()
  })

  test('what is larger than any chain or CRL is refused', async () => {
    const control = await open()
    await expect(importCrlAt(path, Buffer.alloc(3 * 1024 * 1024))).rejects.toMatchObject({ exitCode: EXIT.unavailable })
    expect(asked).toEqual([])
    await control?.stop()
  })

  test('where no broker runs, nobody answers: also where one was killed', async () => {
    await expect(listKeysAt(path)).resolves.toBeUndefined()
    const control = await open()
    await control?.stop()
    await expect(listKeysAt(path)).resolves.toBeUndefined()
  })

  test('what a killed broker left is replaced; a live one keeps its socket', async () => {
    const first = await open()
    await expect(open()).resolves.toBeUndefined()
    await expect(listKeysAt(path)).resolves.toEqual([KEY])
    await first?.stop()
    const second = await open()
    expect(second).toBeDefined()
    await second?.stop()
  })

  test('a fault in the broker, and an answer that is none, end with exit code 4', async () => {
    const broken = { ...keys, rotate: () => Promise.reject(new Fault('store_unavailable', 'down')) }
    const control = await open(path, { keys: broken })
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
    await expect(open(tooLong)).resolves.toBeUndefined()
    await expect(open(join(directory, 'file', 'control.sock'))).resolves.toBeUndefined()
    expect(readdirSync(directory)).toEqual(['file'])
  })
})
