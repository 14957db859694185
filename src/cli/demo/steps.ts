import { CommandError } from '../command-error.js'
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
 * @returns `tell`, which throws `StepFailed` when a step is not as expected, or could not be done
 */
export function createSteps(onStep: (step: Step) => void): Tell {
  let count = 0
  return async (name, explanation, act) => {
    count += 1
    const found = await act().catch(broken)
    const { value, ...shown } = found
    const step: Step = { step: count, name, explanation, ...shown }
    onStep(step)
    if (!found.ok || value === NOTHING) throw new StepFailed(step)
    return value
  }
}

const NOTHING = Symbol('nothing')

/** What a command would have said. Other errors are named only: their texts may quote what they choked on. */
function broken(error: unknown): Finding<typeof NOTHING> {
  const known = error instanceof CommandError ? error : undefined
  const observed = known?.message ?? (error instanceof Error ? error.name : typeof error)
  return { ok: false, expected: 'an answer', observed, facts: {}, text: known?.remedy ?? '', value: NOTHING }
}
