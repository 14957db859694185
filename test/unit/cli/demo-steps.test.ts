import { describe, expect, test } from '@jest/globals'
import { CommandError } from '../../../src/cli/command-error.js'
import { createSteps, StepFailed, type Step } from '../../../src/cli/demo/steps.js'
import { EXIT } from '../../../src/cli/exit-codes.js'
import { missingInOrder } from '../../../src/cli/demo/story.js'

const finding = (ok: boolean) => () =>
  Promise.resolve({ ok, expected: '401', observed: ok ? '401' : '200', facts: {}, text: '', value: 'next' })

describe('the steps of the demo', () => {
  test('are numbered, and hand on what the next one needs', async () => {
    const steps: Step[] = []
    const tell = createSteps((step) => steps.push(step))
    await expect(tell('first', 'one', finding(true))).resolves.toBe('next')
    await tell('second', 'two', finding(true))
    expect(steps.map(({ step, name }) => [step, name])).toEqual([
      [1, 'first'],
      [2, 'second'],
    ])
  })

  test('a step that is not as expected is told, and ends the story', async () => {
    const steps: Step[] = []
    const tell = createSteps((step) => steps.push(step))
    await expect(tell('first', 'one', finding(false))).rejects.toThrow(StepFailed)
    expect(steps).toMatchObject([{ ok: false, expected: '401', observed: '200' }])
  })
})

test('a step that could not be done is one that is not as expected; a strange error is not quoted', async () => {
  const steps: Step[] = []
  const tell = createSteps((step) => steps.push(step))
  const gone = new CommandError(EXIT.unavailable, 'cannot reach it', 'start it')
  await expect(tell('first', 'one', () => Promise.reject(gone))).rejects.toThrow(StepFailed)
  await expect(tell('second', 'two', () => Promise.reject(new TypeError('secret')))).rejects.toThrow(StepFailed)
  expect(steps).toMatchObject([
    { ok: false, observed: 'cannot reach it', text: 'start it' },
    { ok: false, observed: 'TypeError' },
  ])
})

test.each([
  [['a', 'b'], ['a', 'x', 'b'], []],
  [['a', 'b'], ['b', 'a'], ['b']],
  [['a', 'a'], ['a'], ['a']],
  [['a'], [], ['a']],
])('of %j in %j these do not follow one another: %j', (expected, found, missing) => {
  expect(missingInOrder(expected, found)).toEqual(missing)
})
