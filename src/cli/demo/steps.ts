import type { Json } from '../wire.js'

/** A step of the demo as it went. */
export interface Step {
  readonly step: number
  readonly name: string
  /** One line: what happens, and why it matters. */
  readonly explanation: string
  readonly ok: boolean
  readonly expected: string
  readonly observed: string
  /** For scripts. No token and no code is in them. */
  readonly facts: Json
  /** For people. */
  readonly text: string
}

/** What a step found. `ok` is decided here, not by who prints it. */
export interface Finding<T> {
  readonly ok: boolean
  readonly expected: string
  readonly observed: string
  readonly facts: Json
  readonly text: string
  /** For the steps that follow. */
  readonly value: T
}

/** A step was not as expected, and the story ends. The step has been told. */
export class StepFailed extends Error {
  constructor(readonly step: Step) {
    super(`step ${step.step} is not as expected`)
    this.name = 'StepFailed'
  }
}

export type Tell = <T>(name: string, explanation: string, act: () => Promise<Finding<T>>) => Promise<T>

/**
 * Steps one after another, numbered; each is given to `onStep` when it is done.
 * @returns `tell`, which throws `StepFailed` when a step is not as expected
 */
export function createSteps(onStep: (step: Step) => void): Tell {
  let count = 0
  return async (name, explanation, act) => {
    count += 1
    const { value, ...found } = await act()
    const step: Step = { step: count, name, explanation, ...found }
    onStep(step)
    if (!step.ok) throw new StepFailed(step)
    return value
  }
}
