import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { EXIT } from '../../../src/cli/exit-codes.js'
import { run } from '../../../src/cli/program.js'
import { startBroker, type TestBroker } from '../../support/broker.js'
import { testIo } from '../../support/cli.js'
import { athOf } from '../../support/dpop.js'

let folder: string
let broker: TestBroker
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'errand-dpop-key-'))
  broker = await startBroker({ config: { limits: { poll_interval: '1s' } } })
})
afterAll(async () => {
  await broker.stop()
  rmSync(folder, { recursive: true, force: true })
})

const file = (name: string): string => join(folder, name)
let runs = 0
const WHAT = ['--audience', 'https://deploy.example.com', '--purpose', 'release 4.2']

async function errand(...args: readonly string[]) {
  const io = testIo({ env: {} })
  const code = await run(['--url', broker.url, ...args], io)
  for (const secret of io.said.stdout.match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g) ?? []) broker.secrets.keep(secret, 'a token')
  return { code, ...io.said }
}

async function exchange(key: string, ...args: readonly string[]) {
  const path = file(`assertion-${++runs}`)
  writeFileSync(path, await broker.assertion({ run_id: `run-${runs}` }))
  return errand('exchange', '--assertion-file', path, '--dpop-key', key, ...WHAT, ...args)
}

describe('errand exchange --dpop-key', () => {
  test('makes the key when it is not there, for its owner alone, and binds the credential to it', async () => {
    const key = file('made.pem')
    const first = await exchange(key, '--scope', 'deploy:staging')
    expect([first.code, first.stderr]).toEqual([EXIT.ok, expect.stringContaining('made the key')])
    expect(statSync(key).mode & 0o777).toBe(0o600)
    const pem = readFileSync(key, 'utf8')
    const again = await exchange(key, '--scope', 'deploy:staging')
    expect([again.stderr, readFileSync(key, 'utf8')]).toEqual(['', pem])
    const cnf = decodeJwt(first.stdout)['cnf']
    expect(cnf).toEqual({ jkt: expect.stringMatching(/^[\w-]{43}$/) })
    expect(decodeJwt(again.stdout)['cnf']).toEqual(cnf)
  })

  test('waits for people by the key: one assertion will do', async () => {
    const asked = exchange(file('waiting.pem'), '--scope', 'deploy:production', '--wait', '30s')
    const ann = await broker.person('ann')
    let id: string | undefined
    while (id === undefined) {
      const { body } = await broker.call('GET', '/grants?status=pending', ann)
      id = (body['grants'] as readonly { id: string }[])[0]?.id
    }
    const { body } = await broker.call('GET', `/grants/${id}`, ann)
    await broker.call('POST', `/grants/${id}/reviews`, ann, { decision: 'approve', digest: body['digest'] })
    const { code, stdout } = await asked
    expect(code).toBe(EXIT.ok)
    expect(decodeJwt(stdout)).toHaveProperty('cnf.jkt')
  })

  test.each(['rsa', 'ed25519'] as const)('takes a key of one’s own: %s', async (type) => {
    const { privateKey } =
      type === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ed25519')
    writeFileSync(file(type), privateKey.export({ format: 'pem', type: 'pkcs8' }))
    expect((await exchange(file(type), '--scope', 'deploy:staging')).code).toBe(EXIT.ok)
  })

  test('what is no key is told, and nothing is overwritten', async () => {
    writeFileSync(file('text'), 'text')
    const { code, stderr } = await exchange(file('text'), '--scope', 'deploy:staging')
    expect([code, readFileSync(file('text'), 'utf8')]).toEqual([EXIT.usage, 'text'])
    expect(stderr).toContain('holds no private key')
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
    writeFileSync(file('koblitz'), privateKey.export({ format: 'pem', type: 'pkcs8' }))
    expect((await exchange(file('koblitz'), '--scope', 'deploy:staging')).code).toBe(EXIT.usage)
    expect((await exchange(file('no/folder'), '--scope', 'deploy:staging')).code).toBe(EXIT.usage)
  })
})

describe('the holder of a bound credential', () => {
  test('completes its task with the key, and not without', async () => {
    const key = file('holder.pem')
    const given = await exchange(key, '--scope', 'deploy:staging')
    const credential = file('credential')
    writeFileSync(credential, given.stdout)
    const task = String(decodeJwt(given.stdout)['task_id'])
    expect((await errand('tasks', 'complete', task, '--credential-file', credential)).code).toBe(EXIT.usage)
    const other = await errand(
      'tasks',
      'complete',
      task,
      '--credential-file',
      credential,
      '--dpop-key',
      file('other.pem'),
    )
    expect(other.code).toBe(EXIT.refused)
    const done = await errand('tasks', 'complete', task, '--credential-file', credential, '--dpop-key', key)
    expect([done.code, done.stdout]).toEqual([EXIT.ok, expect.stringContaining('completed')])
  })

  test('errand proof: for one request, with the credential that goes with it', async () => {
    writeFileSync(file('token'), 'header.payload.signature\n')
    const target = 'https://deploy.example.com/deployments?dry=1'
    const args = ['--dpop-key', file('proof.pem'), '--target', target, '--method', 'POST', '--nonce', 'n']
    const { code, stdout } = await errand('proof', ...args, '--credential-file', file('token'))
    expect(code).toBe(EXIT.ok)
    expect(decodeProtectedHeader(stdout.trim())).toMatchObject({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty: 'EC' } })
    expect(decodeProtectedHeader(stdout.trim()).jwk).not.toHaveProperty('d')
    expect(decodeJwt(stdout.trim())).toMatchObject({
      htm: 'POST',
      htu: 'https://deploy.example.com/deployments',
      ath: athOf('header.payload.signature'),
      nonce: 'n',
    })
    expect((await errand('proof', '--dpop-key', file('x'), '--target', 'nowhere')).code).toBe(EXIT.usage)
    expect(existsSync(file('x'))).toBe(false)
  })
})
