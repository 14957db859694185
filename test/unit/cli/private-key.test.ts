import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CommandError } from '../../../src/cli/command-error.js'
import { openPrivateKey } from '../../../src/cli/private-key.js'

let folder: string
const notes: string[] = []
const note = (text: string): void => {
  notes.push(text)
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-key-'))
  notes.length = 0
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

describe('a key of one’s own', () => {
  test('that is not there is made for its owner alone, and is the same the next time', () => {
    const file = join(folder, 'own.key')
    const made = openPrivateKey(file, note)
    expect(made.asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(openPrivateKey(file, note).equals(made)).toBe(true)
    expect(notes).toEqual([expect.stringContaining(file)])
  })

  test('that is there is taken, whatever kind it is of', () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    const file = join(folder, 'given.key')
    writeFileSync(file, privateKey.export({ format: 'pem', type: 'pkcs8' }))
    expect(openPrivateKey(file, note).equals(privateKey)).toBe(true)
    expect(notes).toEqual([])
  })

  test.each([
    ['no key', 'hello'],
    ['an encrypted key', encrypted()],
  ])('%s is an error, and the file stays', (_, text) => {
    const file = join(folder, 'other.key')
    writeFileSync(file, text)
    expect(() => openPrivateKey(file, note)).toThrow(CommandError)
    expect(readdirSync(folder)).toEqual(['other.key'])
  })

  test('where none can be made there is none', () => {
    expect(() => openPrivateKey(join(folder, 'missing', 'own.key'), note)).toThrow(CommandError)
  })
})

function encrypted(): string {
  const { privateKey } = generateKeyPairSync('ed25519')
  return privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'generated' }).toString()
}
