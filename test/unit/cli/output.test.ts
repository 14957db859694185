import { describe, expect, test } from '@jest/globals'
import { CommandError } from '../../../src/cli/command-error.js'
import { EXIT } from '../../../src/cli/exit-codes.js'
import { createOutput } from '../../../src/cli/output.js'
import { Fault } from '../../../src/runtime/fault.js'
import { testIo } from '../../support/cli.js'

describe('what the command line says', () => {
  test('a result is text, or one line of JSON', () => {
    const text = testIo()
    createOutput(text, false).result({ a: 1 }, () => 'one a')
    expect(text.said).toEqual({ stdout: 'one a\n', stderr: '' })
    const json = testIo()
    createOutput(json, true).result({ a: 1 }, () => 'one a')
    expect(json.said).toEqual({ stdout: '{"a":1}\n', stderr: '' })
  })

  test('notes go to standard error, and nowhere with --json', () => {
    const text = testIo()
    createOutput(text, false).note('still waiting')
    expect(text.said).toEqual({ stdout: '', stderr: 'still waiting\n' })
    const json = testIo()
    createOutput(json, true).note('still waiting')
    expect(json.said).toEqual({ stdout: '', stderr: '' })
  })

  test('an error has its remedy below it, and its exit code', () => {
    const io = testIo()
    const code = createOutput(io, false).error(new CommandError(EXIT.usage, 'what for?', 'give --scope\nor --file'))
    expect(code).toBe(2)
    expect(io.said).toEqual({ stdout: '', stderr: 'errand: what for?\n  give --scope\n  or --file\n' })
  })

  test('with --json an error is JSON too', () => {
    const io = testIo()
    createOutput(io, true).error(new CommandError(EXIT.pending, 'not yet', undefined, 'authorization_pending'))
    expect(JSON.parse(io.said.stderr)).toEqual({
      error: { message: 'not yet', code: 'authorization_pending', exit_code: 3 },
    })
  })

  test.each([
    ['store_unavailable', EXIT.unavailable],
    ['key_unavailable', EXIT.fault],
  ] as const)('the fault %s ends with exit code %i', (fault, code) => {
    const io = testIo()
    expect(createOutput(io, false).error(new Fault(fault, 'in our words'))).toBe(code)
    expect(io.said.stderr).toBe('errand: in our words\n')
  })

  test('invariant 10: an unexpected error is named and not quoted, for its text may hold a token', () => {
    const io = testIo({ env: { ERRAND_DEBUG: '1' } })
    const error = new SyntaxError('Unexpected token eyJhbGciOiJFUzI1NiJ9.secret')
    expect(createOutput(io, false).error(error)).toBe(EXIT.fault)
    expect(io.said.stderr).toContain('something is broken: SyntaxError')
    expect(io.said.stderr).toMatch(/^\s+at /m)
    expect(io.said.stderr).not.toContain('secret')
  })

  test.each([
    { terminal: true, env: {}, json: false, coloured: true },
    { terminal: true, env: { NO_COLOR: '1' }, json: false, coloured: false },
    { terminal: true, env: { NO_COLOR: '' }, json: false, coloured: true },
    { terminal: true, env: { TERM: 'dumb' }, json: false, coloured: false },
    { terminal: true, env: {}, json: true, coloured: false },
    { terminal: false, env: {}, json: false, coloured: false },
  ])('colour: $coloured at terminal=$terminal, env=$env, json=$json', ({ terminal, env, json, coloured }) => {
    const styled = createOutput(testIo({ terminal, env }), json).style('good', 'yes')
    expect(styled).toBe(coloured ? '\u001B[32myes\u001B[39m' : 'yes')
  })
})
