import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { generateKeyPairSync } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { readLocalPersonKey, signLocalPersonToken } from '../../../src/people/local-person.js'
import { TEST_EPOCH } from '../../support/clock.js'

const NOW = TEST_EPOCH
let folder: string
let keyFile: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-local-'))
  keyFile = join(folder, 'data', 'local-person.key')
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

const payloadOf = (token: string): unknown => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

describe('the key file of the one local person', () => {
  test('is made on first use, for its owner alone', () => {
    signLocalPersonToken(keyFile, NOW)
    expect(statSync(keyFile).mode & 0o777).toBe(0o600)
    expect(readdirSync(join(folder, 'data'))).toEqual(['local-person.key'])
  })

  test('is made once', () => {
    signLocalPersonToken(keyFile, NOW)
    const pem = readFileSync(keyFile, 'utf8')
    signLocalPersonToken(keyFile, NOW)
    expect(readFileSync(keyFile, 'utf8')).toBe(pem)
  })

  test.each([0o640, 0o604, 0o660, 0o622])('with mode %o it is refused, for signing and for verifying', (mode) => {
    signLocalPersonToken(keyFile, NOW)
    chmodSync(keyFile, mode)
    expect(() => signLocalPersonToken(keyFile, NOW)).toThrow('can be read by others')
    expect(() => readLocalPersonKey(keyFile)).toThrow('can be read by others')
  })

  test('behind a link it is refused', () => {
    signLocalPersonToken(keyFile, NOW)
    const link = join(folder, 'link')
    symlinkSync(keyFile, link)
    expect(() => readLocalPersonKey(link)).toThrow('cannot be read')
  })

  test('that holds no key, or another kind of key, is refused', () => {
    signLocalPersonToken(keyFile, NOW)
    writeFileSync(keyFile, 'nothing')
    expect(() => readLocalPersonKey(keyFile)).toThrow('holds no key')
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writeFileSync(keyFile, privateKey.export({ format: 'pem', type: 'pkcs8' }))
    expect(() => readLocalPersonKey(keyFile)).toThrow('another kind of key')
  })

  test('that nobody made verifies nothing', () => {
    expect(readLocalPersonKey(keyFile)).toBeUndefined()
  })
})

describe('the token of the local person', () => {
  test('lives for a minute, and never twice the same', () => {
    const [one, other] = [signLocalPersonToken(keyFile, NOW), signLocalPersonToken(keyFile, NOW)]
    expect(payloadOf(one)).toMatchObject({ sub: 'local', iat: NOW, auth_time: NOW, exp: NOW + 60 })
    expect(one).not.toBe(other)
  })

  test('holds nothing of the private key', () => {
    const token = signLocalPersonToken(keyFile, NOW)
    const pem = readFileSync(keyFile, 'utf8').replaceAll(/-.*-|\s/g, '')
    expect(token).not.toContain(pem.slice(-40))
    expect(Object.keys(payloadOf(token) as object).sort()).toEqual([
      'aud',
      'auth_time',
      'exp',
      'iat',
      'iss',
      'jti',
      'sub',
    ])
  })
})
