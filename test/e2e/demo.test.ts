import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
/** A few are needed; the others are the slow machine's. */
const LIMIT_SECONDS = 90

interface Step {
  readonly step: number
  readonly name: string
  readonly explanation: string
  readonly ok: boolean
  readonly expected: string
  readonly observed: string
  readonly facts: Readonly<Record<string, unknown>>
}

interface Report {
  readonly ok: boolean
  readonly seconds: number
  readonly steps: readonly Step[]
}

interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  readonly seconds: number
}

let scratch: string

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'errand-demo-test-'))
})

afterEach(() => {
  rmSync(scratch, { recursive: true, force: true })
})

/** The built program as a reader runs it, with a temporary directory of its own, so that what is left behind is seen. */
function demo(args: readonly string[], { interruptAfter }: { interruptAfter?: RegExp } = {}): Promise<Ending> {
  const start = performance.now()
  const { ERRAND_CONFIG: _, ...inherited } = process.env
  const env = { ...inherited, TMPDIR: scratch, NODE_ENV: 'production' }
  const child = spawn(process.execPath, [PROGRAM, 'demo', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  let interrupted = false
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (chunk: string) => {
      said[stream] += chunk
      if (interruptAfter?.test(said.stdout) !== true || interrupted) return
      interrupted = true
      child.kill('SIGINT')
    })
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      resolve({ code, signal, ...said, seconds: (performance.now() - start) / 1000 })
    })
  })
}

const STORY = [
  'set-up',
  'asked',
  'approved',
  'issued',
  'accepted',
  'introspected',
  'certified',
  'completed',
  'inactive',
  'revoked',
  'run-ended',
  'new-run',
  'evidence',
]

describe('errand demo', () => {
  test('one errand from request to evidence: every step is as expected, it takes no minutes, and nothing is left', async () => {
    const ending = await demo(['--json'])

    expect(ending).toMatchObject({ code: 0, stderr: '' })
    expect(ending.seconds).toBeLessThan(LIMIT_SECONDS)
    const report = JSON.parse(ending.stdout) as Report
    expect(report.ok).toBe(true)
    expect(report.steps.map(({ name }) => name)).toEqual(STORY)
    expect(report.steps.map(({ step }) => step)).toEqual(STORY.map((_, index) => index + 1))
    expect(report.steps.filter(({ ok }) => !ok)).toEqual([])
    expect(readdirSync(scratch)).toEqual([])

    const facts = Object.fromEntries(report.steps.map((step) => [step.name, step.facts]))
    expect(facts['asked']).toMatchObject({ error: 'authorization_pending' })
    expect(facts['issued']).toMatchObject({
      header: { typ: 'at+jwt', alg: 'ES256' },
      claims: { aud: expect.any(String), scope: 'deploy:production', sub: expect.stringMatching(/^spiffe:\/\//) },
    })
    expect(facts['accepted']).toMatchObject({ status: 200 })
    expect(facts['introspected']).toMatchObject({ active: true })
    expect(facts['certified']).toMatchObject({ verdict: 'accepted', names: expect.stringMatching(/^URI:spiffe:\/\//) })
    expect(facts['revoked']).toMatchObject({ verdict: 'revoked' })
    expect(facts['inactive']).toMatchObject({ active: false, status: 401 })
    // Not because anything was replayed: the assertion is fresh, and the reason is the run.
    expect(facts['run-ended']).toMatchObject({
      error: 'access_denied',
      error_description: 'the run has ended',
      fresh_assertion: true,
    })
    expect(facts['new-run']).toMatchObject({ error: 'authorization_pending' })
    expect(facts['new-run']?.['grant_id']).not.toBe(facts['asked']?.['grant_id'])
    const events = facts['evidence']?.['events'] as readonly { readonly type: string; readonly grant_id: string }[]
    const mine = events.filter((event) => event.grant_id === facts['asked']?.['grant_id']).map(({ type }) => type)
    expect(mine).toEqual(
      expect.arrayContaining([
        'grant.requested',
        'review.recorded',
        'grant.activated',
        'credential.issued',
        'task.completed',
        'grant.completed',
      ]),
    )
    expect(events.map(({ type }) => type)).toContain('exchange.refused')
  })

  test('the reader sees numbered steps, a decoded credential and the trail, and no token, code or colour', async () => {
    const { code, stdout, stderr } = await demo([])

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const number of STORY.keys()) expect(stdout).toMatch(new RegExp(`^ *${number + 1}\\. `, 'm'))
    expect(stdout).toContain('"scope": "deploy:production"')
    expect(stdout).toContain('the run has ended')
    expect(stdout).toMatch(/credential\.issued +cr_/)
    expect(stdout).not.toMatch(/eyJ[\w-]{8,}\.|(?<![\w-])(eyJ|dc_)[\w-]{8,}/)
    expect(stripVTControlCharacters(stdout)).toBe(stdout)
    expect(readdirSync(scratch)).toEqual([])
  })

  test('an interrupted demo leaves nothing behind either', async () => {
    const { code, signal } = await demo([], { interruptAfter: /^ *1\. /m })

    expect(code ?? signal).not.toBe(0)
    expect(readdirSync(scratch)).toEqual([])
  })
})
