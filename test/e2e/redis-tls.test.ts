import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { demoConfig } from '../../src/cli/demo/config.js'
import { freePort } from '../harness/kit/free-port.mjs'
import { startRedis, type RedisServer } from '../support/redis-server.js'

const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

let directory: string
let redis: RedisServer
let tlsPort: number
const password = randomBytes(18).toString('base64url')

const file = (name: string): string => join(directory, name)
const openssl = (...words: string[]): void => {
  execFileSync('openssl', words, { cwd: directory, stdio: 'ignore' })
}

/** A private CA, and a certificate of it for the server. */
function makeCertificates(): void {
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl('req', '-x509', ...ec, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=a private CA', '-days', '2')
  openssl('req', ...ec, '-keyout', 'redis.key', '-out', 'redis.csr', '-subj', '/CN=localhost')
  writeFileSync(file('san'), 'subjectAltName=DNS:localhost\n')
  const ca = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial']
  openssl('x509', '-req', '-in', 'redis.csr', ...ca, '-days', '1', '-extfile', 'san', '-out', 'redis.pem')
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'errand-redis-tls-'))
  makeCertificates()
  tlsPort = await freePort()
  redis = await startRedis({
    settings: {
      'tls-port': String(tlsPort),
      'tls-cert-file': file('redis.pem'),
      'tls-key-file': file('redis.key'),
      'tls-ca-cert-file': file('ca.pem'),
      'tls-auth-clients': 'no',
      user: `errand on >${password} ~* &* +@all`,
    },
  })
})

afterAll(async () => {
  await redis.stop()
  rmSync(directory, { recursive: true, force: true })
})

interface Ending {
  readonly ready: boolean
  readonly said: string
}

/** `errand serve` until it is ready, or has given up. */
async function serve(url: string, env: NodeJS.ProcessEnv, secret: string): Promise<Ending> {
  const port = await freePort()
  const own = `http://127.0.0.1:${port}`
  const ciUrl = 'https://ci.example.com'
  const document = JSON.parse(
    demoConfig({ url: own, port, ciUrl, resourceServerSecret: 'secret', directory }),
  ) as Record<string, object>
  writeFileSync(file('password'), secret, { mode: 0o600 })
  writeFileSync(file('encryption.key'), randomBytes(32).toString('base64'), { mode: 0o600 })
  const config = file('errand.yaml')
  const changed = {
    ...document,
    store: { url, password_file: file('password') },
    keys: { encryption_key_file: file('encryption.key') },
  }
  writeFileSync(config, JSON.stringify(changed), { mode: 0o600 })
  const child = spawn(process.execPath, [PROGRAM, 'serve', '--config', config], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => (said += chunk))
  try {
    for (let attempt = 0; attempt < 4000 && child.exitCode === null; attempt += 1) {
      const answer = await fetch(`${own}/readyz`).catch(() => undefined)
      if (answer?.status === 200) return { ready: true, said }
      await sleep(50)
    }
    return { ready: false, said }
  } finally {
    if (child.exitCode === null) child.kill('SIGKILL')
  }
}

describe('a store at rediss://', () => {
  test('behind a private CA that NODE_EXTRA_CA_CERTS names, with an ACL user, it serves', async () => {
    await redis.command('FLUSHALL')
    const url = `rediss://errand@localhost:${tlsPort}`
    const { ready, said } = await serve(url, { NODE_EXTRA_CA_CERTS: file('ca.pem') }, password)
    expect({ ready, said }).toMatchObject({ ready: true })
    expect(await redis.command('EXISTS', '{00}K')).toBe(1)
    expect(said).not.toContain(password)
  })

  test.each([
    ['a server whose certificate nobody vouches for', () => `rediss://errand@localhost:${tlsPort}`, false, password],
    ['a server of another name', () => `rediss://errand@127.0.0.1:${tlsPort}`, true, password],
    ['a server that speaks no TLS', () => `rediss://errand@localhost:${redis.port}`, true, password],
    ['a wrong password', () => `rediss://errand@localhost:${tlsPort}`, true, 'not-the-password'],
  ])('%s: it does not start, leaves nothing there, and says so', async (_, url, knowsCa, secret) => {
    await redis.command('FLUSHALL')
    const { ready, said } = await serve(url(), knowsCa ? { NODE_EXTRA_CA_CERTS: file('ca.pem') } : {}, secret)
    expect(ready).toBe(false)
    expect(said).toMatch(/redis/i)
    expect(said).not.toContain(secret)
    expect(await redis.command('DBSIZE')).toBe(0)
  })
})
