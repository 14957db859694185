import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { confirm } from '../../../src/cli/confirm.js'
import { EXIT } from '../../../src/cli/exit-codes.js'
import { run } from '../../../src/cli/program.js'
import { testIo } from '../../support/cli.js'

const DOCUMENT = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8')
const ID = 'gr_5393b2703fa36d4cc05a4ebab5fb6eb8e4'

const COMMANDS = [
  'serve',
  'demo',
  'exchange',
  ...['request', 'list', 'show', 'approve', 'deny', 'revoke'].map((verb) => `grants ${verb}`),
  ...['show', 'complete', 'heartbeat'].map((verb) => `tasks ${verb}`),
  'keys list',
  'keys rotate',
  'evidence tail',
  'config check',
]

describe('the command line', () => {
  test.each(COMMANDS)('errand %s --help teaches with an example, and knows --json', async (command) => {
    const io = testIo()
    await expect(run([...command.split(' '), '--help'], io)).resolves.toBe(EXIT.ok)
    expect(io.said.stdout).toContain(`$ ${command === 'serve' ? 'errand serve' : `errand ${command}`}`)
    expect(io.said.stdout).toContain('--json')
    expect(io.said.stderr).toBe('')
  })

  test.each(COMMANDS)('docs/cli.md tells of errand %s', (command) => {
    expect(DOCUMENT).toContain(`errand ${command}`)
  })

  test('the help lists the exit codes', async () => {
    const io = testIo()
    await run(['--help'], io)
    expect(io.said.stdout).toMatch(/0 {2}done[^]*1 {2}refused[^]*2 {2}wrong usage[^]*5 {2}something is broken/)
  })

  test.each([
    [[]],
    [['grants']],
    [['nonsense']],
    [['grants', 'show']],
    [['grants', 'show', 'not-an-id']],
    [['grants', 'list', '--status', 'odd']],
    [['exchange', '--scope', 'a']],
    [['exchange', '--audience', 'a', '--scope', 'b']],
    [['exchange', '--audience', 'a', '--scope', 'b', '--assertion-file', 'x', '--assertion-command', 'y']],
    [['exchange', '--audience', 'a', '--scope', 'b', '--assertion-file', 'x', '--wait', '1m']],
    [['exchange', '--audience', 'a', '--assertion-file', 'x']],
    [['grants', 'request', '--audience', 'a']],
    [['tasks', 'heartbeat', ID.replace('gr', 'tk')]],
  ])('%j is wrong usage: exit code 2, told on standard error', async (args) => {
    const io = testIo()
    await expect(run(args, io)).resolves.toBe(EXIT.usage)
    expect(io.said).toEqual({ stdout: '', stderr: expect.stringMatching(/\S/) })
  })

  test('with --json wrong usage is one JSON document', async () => {
    const io = testIo()
    await expect(run(['grants', 'show', 'not-an-id', '--json'], io)).resolves.toBe(EXIT.usage)
    expect(JSON.parse(io.said.stderr)).toMatchObject({ error: { exit_code: 2 } })
  })

  test('config check tells all faults of a file, and names it', async () => {
    const io = testIo()
    await expect(run(['config', 'check', '/nowhere/errand.yaml', '--json'], io)).resolves.toBe(EXIT.usage)
    expect(JSON.parse(io.said.stdout)).toMatchObject({ ok: false, file: '/nowhere/errand.yaml', faults: [{}] })
  })
})

describe('a question at the terminal', () => {
  test.each(['y\n', 'Y\n', 'yes\n', ' y \n'])('%j agrees', async (typed) => {
    const io = testIo({ typed })
    await expect(confirm(io, 'Approve this?')).resolves.toBeUndefined()
    expect(io.said.stderr).toBe('Approve this? [y/N] ')
  })

  test.each(['n\n', '\n', '', 'yep\n', 'no\ny\n', 'approve\n'])('%j does not', async (typed) => {
    await expect(confirm(testIo({ typed }), 'Approve this?')).rejects.toMatchObject({ exitCode: EXIT.refused })
  })

  test('without a terminal nobody is asked, and nothing is agreed to', async () => {
    await expect(confirm(testIo(), 'Approve this?')).rejects.toMatchObject({ exitCode: EXIT.usage })
  })
})
