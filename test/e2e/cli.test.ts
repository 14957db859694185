import { spawn, type ChildProcess } from 'node:child_process'
import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { decodeJwt } from 'jose'
import { demoConfig } from '../../src/cli/demo/config.js'
import { freePort } from '../harness/kit/free-port.mjs'
import { EXIT } from '../../src/cli/exit-codes.js'
import { run } from '../../src/cli/program.js'
import { buildCsr } from '../../src/x509/build-csr.js'
import { testIo, type TestIoOptions } from '../support/cli.js'
import { startIssuer, type TestIssuer } from '../support/issuer.js'

const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const WHAT = ['--audience', 'https://deploy.example.com', '--scope', 'deploy:production', '--purpose', 'release 4.2']

/** `errand serve` as it is run, and commands against it. */
let directory: string
let config: string
let url: string
let ci: TestIssuer
let broker: ChildProcess
let said: { stdout: string; stderr: string }

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'errand-cli-test-'))
  config = join(directory, 'errand.yaml')
  ci = await startIssuer()
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  const document = JSON.parse(
    demoConfig({ url, port, ciUrl: ci.url, resourceServerSecret: 'secret', directory }),
  ) as Record<string, object>
  const roles = { ...document['roles'], operator: ['platform'] }
  writeFileSync(config, JSON.stringify({ ...document, roles }), { mode: 0o600 })
  await serve()
})

afterAll(async () => {
  await stop()
  await ci.stop()
  rmSync(directory, { recursive: true, force: true })
})

async function serve(): Promise<void> {
  const output = { stdout: '', stderr: '' }
  said = output
  const child = spawn(process.execPath, [PROGRAM, 'serve', '--config', config], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output.stdout += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (output.stderr += chunk))
  broker = child
  for (let attempt = 0; attempt < 4000; attempt += 1) {
    if (output.stderr.includes('What to do next')) return
    if (child.exitCode !== null) break
    await sleep(25)
  }
  throw new Error(`the broker did not start: ${output.stderr}${output.stdout}`)
}

async function stop(): Promise<number | null> {
  if (broker.exitCode !== null) return broker.exitCode
  broker.kill('SIGTERM')
  await once(broker, 'exit')
  return broker.exitCode
}

const assertion = (runId: string): Promise<string> => {
  const now = Math.floor(Date.now() / 1000)
  const claims = { sub: 'repo:acme/shop', aud: url, iat: now, exp: now + 300, jti: randomUUID() }
  return ci.sign({ ...claims, run_id: runId, actor: 'dana' })
}

async function assertionFile(runId: string): Promise<readonly string[]> {
  const file = join(directory, `${randomUUID()}.jwt`)
  writeFileSync(file, await assertion(runId))
  return ['--assertion-file', file]
}

/** A command that gives another assertion each time. */
async function assertionCommand(runId: string): Promise<readonly string[]> {
  const folder = join(directory, randomUUID())
  mkdirSync(folder)
  for (let count = 0; count < 30; count += 1) writeFileSync(join(folder, randomUUID()), await assertion(runId))
  return ['--assertion-command', `f="$(ls -d '${folder}'/* | head -n 1)"; cat "$f"; rm "$f"`]
}

async function errand(args: readonly string[], options: TestIoOptions = {}) {
  const io = testIo(options)
  const code = await run([...args, '--config', config], io)
  return { code, ...io.said }
}

async function errandJson(args: readonly string[]) {
  const { code, stdout, stderr } = await errand([...args, '--json'])
  expect({ code, stderr }).toEqual({ code: EXIT.ok, stderr: '' })
  return JSON.parse(stdout) as Record<string, unknown>
}

const textOf = (document: Record<string, unknown>, name: string): string => {
  expect(typeof document[name]).toBe('string')
  return document[name] as string
}

async function requested(runId: string): Promise<string> {
  return textOf(await errandJson(['grants', 'request', ...WHAT, ...(await assertionFile(runId))]), 'id')
}

describe('the command line against a running broker', () => {
  test('a grant is asked for, listed, shown, approved at the terminal, used, and its task completed', async () => {
    const id = await requested('1')

    const listed = await errand(['grants', 'list', '--status', 'pending'])
    expect(listed).toMatchObject({ code: EXIT.ok, stdout: expect.stringMatching(new RegExp(`^${id}  pending`, 'm')) })
    const shown = await errand(['grants', 'show', id])
    for (const part of ['deploy:production at https://deploy.example.com', '“release 4.2”', 'run_id 1', '1h from the'])
      expect(shown.stdout).toContain(part)

    const approved = await errand(['grants', 'approve', id, '--reason', 'announced'], { typed: 'y\n', terminal: true })
    expect(approved).toMatchObject({
      code: EXIT.ok,
      stdout: expect.stringContaining(`${id} is active until`),
      stderr: expect.stringMatching(/who[^]*what[^]*why[^]*how long[^]*Approve this\? \[y\/N\] $/),
    })

    const got = await errand(['exchange', ...WHAT, ...(await assertionFile('1'))])
    expect(got).toMatchObject({ code: EXIT.ok, stderr: '' })
    const { task_id } = decodeJwt<{ task_id: string }>(got.stdout.trim())

    const alive = await errandJson(['tasks', 'heartbeat', task_id, ...(await assertionFile('1'))])
    expect(alive['lease_seconds']).toBe(900)
    expect(await errandJson(['tasks', 'show', task_id])).toMatchObject({ status: 'open', grant_id: id })
    const done = await errand(['tasks', 'complete', task_id, ...(await assertionFile('1'))])
    expect(done.stdout).toMatch(/status +completed/)

    const again = await errand(['exchange', ...WHAT, ...(await assertionFile('1')), '--wait', '1m', '--json'])
    expect(again.code).toBe(EXIT.refused)
    expect(JSON.parse(again.stderr)).toMatchObject({ error: { code: 'access_denied', exit_code: 1 } })
  })

  test('who answers no, or has no terminal, decides nothing; another digest is refused', async () => {
    const id = await requested('2')
    const no = await errand(['grants', 'approve', id], { typed: 'n\n', terminal: true })
    expect(no).toMatchObject({ code: EXIT.refused, stdout: '' })
    expect((await errand(['grants', 'approve', id])).code).toBe(EXIT.usage)
    const other = await errand(['grants', 'approve', id, '--yes', '--digest', `sha256:${'0'.repeat(64)}`])
    expect(other).toMatchObject({ code: EXIT.refused, stderr: expect.stringContaining('other terms') })
    expect(await errandJson(['grants', 'show', id])).toMatchObject({ status: 'pending', reviews: [] })

    const { digest } = await errandJson(['grants', 'show', id])
    expect(await errandJson(['grants', 'approve', id, '--yes', '--digest', String(digest)])).toMatchObject({
      status: 'active',
    })
    expect(await errandJson(['grants', 'revoke', id])).toMatchObject({ status: 'revoked' })
    expect((await errand(['grants', 'revoke', id])).code).toBe(EXIT.refused)
  })

  test('denied at once; withdrawn by who asked', async () => {
    const denied = await errand(['grants', 'deny', await requested('3'), '--reason', 'freeze'])
    expect(denied).toMatchObject({ code: EXIT.ok, stdout: expect.stringContaining('is denied') })
    const withdrawn = await errandJson(['grants', 'revoke', await requested('4'), ...(await assertionFile('4'))])
    expect(withdrawn).toMatchObject({ status: 'withdrawn' })
  })

  test('a person asks for a standing window, and nobody approves what they asked for themselves', async () => {
    const window = [
      '--delegate-issuer',
      ci.url,
      '--claim',
      'sub=repo:acme/shop',
      '--max-tasks',
      '5',
      '--duration',
      '1h',
    ]
    const grant = await errandJson(['grants', 'request', ...WHAT, ...window])
    expect(grant).toMatchObject({ task: { max_tasks: 5 }, requested_by: { kind: 'person', id: 'local:local' } })
    const own = await errand(['grants', 'approve', textOf(grant, 'id'), '--yes'])
    expect(own).toMatchObject({ code: EXIT.refused, stderr: expect.stringContaining('is_requester') })
    expect(await errandJson(['grants', 'revoke', textOf(grant, 'id')])).toMatchObject({ status: 'withdrawn' })
  })

  test('exchange --wait waits for people, and gets the credential when one has approved', async () => {
    const waiting = errand(['exchange', ...WHAT, '--wait', '2m', '--json', ...(await assertionCommand('5'))])
    let id: string | undefined
    for (let attempt = 0; id === undefined && attempt < 1000; attempt += 1) {
      const { grants } = (await errandJson(['grants', 'list', '--status', 'pending'])) as { grants: { id: string }[] }
      id = grants[0]?.id
      if (id === undefined) await sleep(50)
    }
    expect(await errandJson(['grants', 'approve', String(id), '--yes'])).toMatchObject({ status: 'active' })
    const { code, stdout } = await waiting
    expect(code).toBe(EXIT.ok)
    expect(JSON.parse(stdout)).toMatchObject({ grant_id: id, token_type: 'Bearer', scope: 'deploy:production' })
  })

  test('when nobody decides in time the exit code is 3, and the same command joins the request', async () => {
    const first = await errand(['exchange', ...WHAT, '--wait', '1s', ...(await assertionCommand('6'))])
    expect(first).toMatchObject({
      code: EXIT.pending,
      stdout: '',
      stderr: expect.stringContaining('run the same command'),
    })
    const second = await errand(['exchange', ...WHAT, '--wait', '1s', ...(await assertionCommand('6'))])
    const named = /gr_[0-9a-f]{34}/
    expect(named.exec(second.stderr)?.[0]).toBe(named.exec(first.stderr)?.[0])
    expect(first.stderr + second.stderr).not.toMatch(/dc_|eyJ/)
  })

  test('exchange --certificate makes a key, and prints a certificate for it; --csr takes a request', async () => {
    const ask = ['grants', 'request', ...WHAT, '--type', 'jwt', '--type', 'x509']
    const { id } = await errandJson([...ask, ...(await assertionFile('8'))])
    expect((await errand(['grants', 'show', String(id)])).stdout).toContain('JWTs and X.509 certificates')
    await errandJson(['grants', 'approve', String(id), '--yes'])
    const file = join(directory, 'job.key')
    const certify = ['exchange', ...WHAT, '--certificate', '--key', file]
    const first = await errand([...certify, ...(await assertionFile('8'))])
    expect(first).toMatchObject({ code: EXIT.ok, stderr: expect.stringContaining(file) })
    const leaf = new X509Certificate(first.stdout)
    const key = createPrivateKey(readFileSync(file))
    expect([leaf.checkPrivateKey(key), statSync(file).mode & 0o777]).toEqual([true, 0o600])

    const csr = join(directory, 'job.csr')
    writeFileSync(csr, buildCsr(key))
    const second = await errand(['exchange', ...WHAT, '--csr', csr, ...(await assertionFile('8'))])
    expect(second).toMatchObject({ code: EXIT.ok, stderr: '' })
    expect(new X509Certificate(second.stdout).checkPrivateKey(key)).toBe(true)
  })

  test.each([
    ['--certificate without --key', ['--certificate']],
    ['--key without --certificate', ['--key', 'job.key']],
    ['--csr with --key', ['--csr', 'job.csr', '--key', 'job.key']],
    ['a CSR that is not there', ['--csr', '/nowhere/job.csr']],
  ])('%s is a mistake, and nothing is sent', async (_, args) => {
    const { code } = await errand(['exchange', ...WHAT, ...args, ...(await assertionFile('9'))])
    expect(code).toBe(EXIT.usage)
  })

  test('without --wait nobody is asked', async () => {
    const refused = await errand(['exchange', ...WHAT, ...(await assertionFile('7'))])
    expect(refused).toMatchObject({ code: EXIT.refused, stdout: '', stderr: expect.stringContaining('access_denied') })
  })

  test('the evidence is tailed, filtered, and followed', async () => {
    const { stdout } = await errand(['evidence', 'tail', '--stream', 'revocation', '--json'])
    const types = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type)
    expect(types).toEqual(expect.arrayContaining(['task.completed', 'grant.completed', 'grant.revoked']))
    expect(types).not.toContain('grant.requested')
    const last = await errand(['evidence', 'tail', '--lines', '2'])
    expect(last.stdout.trim().split('\n')).toHaveLength(2)

    const follower = spawn(process.execPath, [PROGRAM, 'evidence', 'tail', '-f', '-n', '1', '--config', config])
    let followed = ''
    follower.stdout.setEncoding('utf8').on('data', (chunk: string) => (followed += chunk))
    const untilItSays = async (text: string): Promise<void> => {
      for (let attempt = 0; !followed.includes(text) && attempt < 4000; attempt += 1) await sleep(25)
    }
    // What has happened comes first; what happens from then on is followed.
    await untilItSays('\n')
    const id = await requested('8')
    await untilItSays(id)
    follower.kill('SIGTERM')
    await once(follower, 'exit')
    expect(followed).toMatch(new RegExp(`grant\\.requested +${id}`))
  })

  test('keys are rotated in the running broker, and listed; what was published before still is', async () => {
    expect(statSync(join(directory, 'data', 'control.sock')).mode & 0o777).toBe(0o600)
    const before = (await (await fetch(`${url}/jwks`)).json()) as { keys: { kid: string }[] }
    const rotation = await errandJson(['keys', 'rotate'])
    const { keys } = (await errandJson(['keys', 'list'])) as { keys: { kid: string; state: string }[] }
    expect(keys.map(({ state }) => state).sort()).toEqual(['current', 'next', 'retired'])
    expect(JSON.stringify(keys)).not.toContain('"d"')
    expect(rotation['activated']).toEqual(keys.filter(({ state }) => state === 'current').map(({ kid }) => kid))
    const after = (await (await fetch(`${url}/jwks`)).json()) as { keys: { kid: string }[] }
    expect(after.keys.map(({ kid }) => kid)).toEqual(expect.arrayContaining(before.keys.map(({ kid }) => kid)))

    const tooSoon = await errand(['keys', 'rotate'])
    expect(tooSoon).toMatchObject({ code: EXIT.refused, stderr: expect.stringContaining('--at-once') })
    expect((await errand(['keys', 'rotate', '--at-once'])).code).toBe(EXIT.ok)
    const { stdout } = await errand(['evidence', 'tail', '--json'])
    expect(stdout).toMatch(/"type":"key\.rotated"[^\n]*command-line|command-line[^\n]*"type":"key\.rotated"/)
  })

  test('a second broker on the same port or directory says so', async () => {
    const second = await spawnAndWait(['serve', '--config', config])
    expect(second).toMatchObject({ code: EXIT.unavailable, stderr: expect.stringMatching(/in use/) })
  })

  test('after SIGTERM the exit code is 0; then keys are listed from the store, and nobody can be reached', async () => {
    await expect(stop()).resolves.toBe(0)
    expect(
      said.stdout
        .split('\n')
        .filter((line) => line !== '')
        .every((line) => line.startsWith('{')),
    ).toBe(true)
    expect(readdirSync(join(directory, 'data'))).not.toContain('control.sock')

    const { keys } = (await errandJson(['keys', 'list'])) as { keys: unknown[] }
    expect(keys.length).toBeGreaterThan(2)
    const unreachable = await errand(['grants', 'list'])
    expect(unreachable).toMatchObject({ code: EXIT.unavailable, stderr: expect.stringContaining('errand serve') })
    // The directory is free again.
    await serve()
  })

  test('invariant 10: no token and no code in what the broker logged', () => {
    const logged = said.stdout + said.stderr
    expect(logged).not.toMatch(/eyJ[\w-]{8,}\.|(?<![\w-])(eyJ|dc_)[\w-]{8,}/)
    expect(readFileSync(config, 'utf8')).not.toContain('"secret"')
  })
})

async function spawnAndWait(args: readonly string[]): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
  await once(child, 'close')
  return { code: child.exitCode, stderr }
}
