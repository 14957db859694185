import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { demoConfig } from '../../../src/cli/demo/config.js'
import { EXIT } from '../../../src/cli/exit-codes.js'
import { openSession } from '../../../src/cli/session.js'
import { testIo } from '../../support/cli.js'

let directory: string
let config: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'errand-session-'))
  config = join(directory, 'errand.yaml')
  const places = { url: 'http://127.0.0.1:8123', port: 8123, ciUrl: 'http://127.0.0.1:9700', directory }
  writeFileSync(config, demoConfig({ ...places, resourceServerSecret: 'secret' }))
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

describe('which broker, and as whom', () => {
  test('the broker is the issuer of the configuration, unless --url names another', () => {
    expect(openSession({ config }, testIo()).api().url).toBe('http://127.0.0.1:8123')
    const url = 'https://errand.example.com'
    expect(openSession({ config: '/nowhere', url }, testIo()).api().url).toBe(url)
  })

  test('tokens do not go over plain http beyond this machine', () => {
    const session = openSession({ url: 'http://errand.example.com' }, testIo())
    expect(() => session.api()).toThrow(expect.objectContaining({ exitCode: EXIT.usage }))
  })

  test('--token-file counts before ERRAND_TOKEN, and that before the local person', () => {
    const tokenFile = join(directory, 'token')
    writeFileSync(tokenFile, ' from-file\n')
    const env = { ERRAND_TOKEN: 'from-environment' }
    expect(openSession({ config, tokenFile }, testIo({ env })).personToken()).toBe('from-file')
    expect(openSession({ config }, testIo({ env })).personToken()).toBe('from-environment')
    expect(openSession({ config }, testIo()).personToken()).toMatch(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/)
  })

  test.each(['', 'two words', 'a\nb', 'ä'])('“%s” is no token', (text) => {
    const tokenFile = join(directory, 'token')
    writeFileSync(tokenFile, text)
    const session = openSession({ config, tokenFile }, testIo())
    expect(() => session.personToken()).toThrow(expect.objectContaining({ exitCode: EXIT.usage }))
  })

  test('the local person’s token is shown to this machine only', () => {
    const session = openSession({ config, url: 'https://errand.example.com' }, testIo())
    expect(() => session.personToken()).toThrow('the local person is known on this machine only')
  })

  test('without a local person somebody must give a token', () => {
    const other = join(directory, 'other.yaml')
    const document = JSON.parse(readFileSync(config, 'utf8')) as Record<string, unknown>
    const oidc = { name: 'corp', issuer: 'https://login.example.com', audiences: ['errand'] }
    writeFileSync(other, JSON.stringify({ ...document, people: [oidc] }))
    const session = openSession({ config: other }, testIo())
    expect(() => session.personToken()).toThrow('a person must be signed in for this')
  })

  test('a configuration that does not load is told with what to do', () => {
    const session = openSession({ config: join(directory, 'none.yaml') }, testIo())
    expect(() => session.api()).toThrow(
      expect.objectContaining({
        exitCode: EXIT.usage,
        remedy: expect.stringContaining('errand config check'),
      }),
    )
  })
})
