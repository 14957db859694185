import { describe, expect, test } from '@jest/globals'
import { faultsOf, finalLine, jestTally, sumOf, tallyOf } from '../../../config/tooling/results.mjs'

const suite = (statuses: readonly string[], testExecError?: Error) => ({
  testFilePath: 'a.test.ts',
  testExecError,
  testResults: statuses.map((status, index) => ({ status, fullName: `test ${index}` })),
})
const readSource = () => 'test("x", () => {})'

describe('a run that did not run everything', () => {
  test.each(['pending', 'skipped', 'todo', 'disabled'])('a test that is %s is a fault', (status) => {
    const run = { testResults: [suite(['passed', status])] }
    expect(faultsOf(run, { readSource })).toEqual([`${status}: test 1 (a.test.ts)`])
    expect(tallyOf(run, faultsOf(run, { readSource }))).toEqual({ passed: 1, failed: 1 })
  })

  test('tests that were left out by name are no fault', () => {
    expect(faultsOf({ testResults: [suite(['passed', 'pending'])] }, { chosenByName: true, readSource })).toEqual([])
  })

  test.each(['test.on' + 'ly("x")', 'describe.on' + 'ly("x")', 'it.concurrent.on' + 'ly("x")', 'fi' + 't("x")'])(
    'a focused test is a fault even if it hides no other: %s',
    (source) => {
      expect(faultsOf({ testResults: [suite(['passed'])] }, { readSource: () => source })).toEqual([
        'a focused test in a.test.ts',
      ])
    },
  )

  test('a suite that crashed counts as failed', () => {
    const run = { testResults: [suite(['passed']), suite([], new Error('no'))] }
    expect(tallyOf(run, faultsOf(run, { readSource }))).toEqual({ passed: 1, failed: 1 })
  })

  test('an empty suite and a run without tests are faults', () => {
    expect(faultsOf({ testResults: [suite([])] }, { readSource })).toEqual(['no test in a.test.ts', 'no test ran'])
    expect(faultsOf({ testResults: [] }, { readSource })).toEqual(['no test ran'])
  })

  test('an interrupted run is a fault', () => {
    const run = { testResults: [suite(['passed'])], wasInterrupted: true }
    expect(faultsOf(run, { readSource })).toEqual(['the run was interrupted'])
  })

  test('a complete run has no faults', () => {
    const run = { testResults: [suite(['passed', 'failed'])] }
    expect(faultsOf(run, { readSource })).toEqual([])
    expect(tallyOf(run, [])).toEqual({ passed: 1, failed: 1 })
  })
})

describe('counting', () => {
  test('the exit code is believed when the counts say nothing failed', () => {
    expect(jestTally('{"passed":3,"failed":0}', 0)).toEqual({ passed: 3, failed: 0 })
    expect(jestTally('{"passed":3,"failed":0}', 1)).toEqual({ passed: 3, failed: 1 })
    expect(jestTally('{"passed":3,"failed":2}', 1)).toEqual({ passed: 3, failed: 2 })
  })

  test.each([undefined, '', '{', '{"passed":"3"}', 'null'])('results that cannot be read are a failure: %s', (text) => {
    expect(jestTally(text, 0)).toEqual({ passed: 0, failed: 1 })
  })

  test('nothing counted is a failure', () => {
    expect(sumOf([])).toEqual({ passed: 0, failed: 1 })
    expect(
      finalLine(
        sumOf([
          { passed: 2, failed: 0 },
          { passed: 5, failed: 1 },
        ]),
      ),
    ).toBe('7 passed, 1 failed')
  })
})
