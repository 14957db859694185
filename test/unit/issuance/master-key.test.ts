import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { macKey, masterKeyOf, openMasterKey, readMasterKey } from '../../../src/issuance/master-key.js'
import { Fault } from '../../../src/runtime/fault.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-key-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

const exported = (key: ReturnType<typeof macKey>) => key.export().toString('hex')
const faultOf = (work: () => unknown): Fault => {
  try {
    work()
  } catch (error) {
    if (error instanceof Fault) return error
  }
  throw new Error('no fault was thrown')
}

describe('the encryption key file', () => {
  test('is made once, with mode 0600, and read again ever after', () => {
    const path = join(folder, 'encryption.key')
    const made = openMasterKey(path)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(Buffer.from(readFileSync(path, 'utf8'), 'base64')).toHaveLength(32)
    expect(openMasterKey(path).id).toBe(made.id)
    expect(readdirSync(folder)).toEqual(['encryption.key'])
  })

  test.each([0o640, 0o604, 0o660, 0o666])('that Errand made is refused with mode %o, and left as it is', (mode) => {
    const path = join(folder, 'encryption.key')
    openMasterKey(path)
    const before = readFileSync(path, 'utf8')
    chmodSync(path, mode)
    const fault = faultOf(() => openMasterKey(path))
    expect(fault.code).toBe('key_unavailable')
    expect(fault.message).toContain('chmod 600')
    expect(readFileSync(path, 'utf8')).toBe(before)
  })

  test('given by the operator may have the mode of a mounted secret', () => {
    const path = join(folder, 'mounted')
    writeFileSync(path, `${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o644 })
    expect(readMasterKey(path, { ownerOnly: false }).id).toBe(masterKeyOf(Buffer.alloc(32, 7)).id)
  })

  test.each([
    ['31 bytes', Buffer.alloc(31).toString('base64')],
    ['33 bytes', Buffer.alloc(33).toString('base64')],
    ['nothing', ''],
    ['not base64', '!'.repeat(44)],
    ['hexadecimal', 'ab'.repeat(32)],
  ])('with %s is refused, and the error does not repeat it', (_, text) => {
    const path = join(folder, 'bad')
    writeFileSync(path, text, { mode: 0o600 })
    const fault = faultOf(() => readMasterKey(path, { ownerOnly: true }))
    expect(fault.code).toBe('key_unavailable')
    if (text !== '') expect(fault.message).not.toContain(text)
  })

  test('that is missing is a fault where it was configured', () => {
    expect(faultOf(() => readMasterKey(join(folder, 'none'), { ownerOnly: false })).code).toBe('key_unavailable')
  })
})

describe('derived keys (HKDF-SHA256, RFC 5869)', () => {
  test('are the same each time, and different for each purpose and each master key', () => {
    const master = masterKeyOf(Buffer.alloc(32, 1))
    expect(exported(macKey(master))).toBe(exported(masterKeyOf(Buffer.alloc(32, 1)).derive('record-mac')))
    const purposes = ['key-ring', 'record-mac', 'authorities', 'dpop-nonce', 'list-cursor', 'credential-mac'] as const
    const all = [1, 2].flatMap((fill) =>
      purposes.map((purpose) => exported(masterKeyOf(Buffer.alloc(32, fill)).derive(purpose))),
    )
    expect(new Set(all).size).toBe(12)
  })

  test('do not contain the master key, and its id does not either', () => {
    const bytes = Buffer.alloc(32, 0xab)
    const master = masterKeyOf(bytes)
    expect(exported(master.derive('key-ring'))).not.toBe(bytes.toString('hex'))
    expect(master.id).toMatch(/^[0-9a-f]{16}$/)
    expect(master.id).not.toContain('abab')
  })

  test('stay as they are from release to release: records and the key ring depend on them', () => {
    expect(masterKeyOf(Buffer.alloc(32, 1)).id).toMatchInlineSnapshot(`"d7d124f08766bb8b"`)
    expect(exported(macKey(masterKeyOf(Buffer.alloc(32, 1))))).toMatchInlineSnapshot(
      `"864cef86567c224998e3d5e2847302579945ced889e759dbe0e8beeb524b6106"`,
    )
  })
})
