import type { Command } from 'commander'
import type { Bind, Context } from '../context.js'
import { setStage, type Stage } from '../demo/stage.js'
import { createSteps, StepFailed, type Finding, type Step } from '../demo/steps.js'
import { tellStory } from '../demo/story.js'
import { makeTemporary } from '../demo/temporary.js'
import { EXIT, type ExitCode } from '../exit-codes.js'
import { onStopSignal } from '../../runtime/lifecycle.js'
import { facts, indent } from '../text.js'

const ABOUT = `
It starts the broker on the embedded store, a CI and a resource server on free ports of this machine, in a temporary
directory that is removed afterwards. Each step checks what it shows: the exit code is 0 only if all were as expected.

Example:
  $ errand demo --json | jq '.steps[] | {name, ok}'`

export const demo = (parent: Command, bind: Bind): Command =>
  bind<object, []>(
    parent
      .command('demo')
      .description('one errand from start to end, on this machine: asked, approved, used, completed, refused')
      .addHelpText('after', ABOUT),
    async (context) => {
      const start = context.io.clock.nowMs()
      const steps: Step[] = []
      const failure = await play(context, steps)
      const seconds = (context.io.clock.nowMs() - start) / 1000
      const ok = failure === undefined
      context.output.result({ ok, seconds, steps: steps.map(({ text: _, ...step }) => step), ...failure }, () =>
        ok
          ? `\n${context.output.style('good', `All ${steps.length} steps were as expected`)}, in ${seconds.toFixed(1)} s.`
          : `\n${context.output.style('bad', `Failed: ${failure.error}`)}`,
      )
      return ok ? EXIT.ok : EXIT.refused
    },
  )

interface Failure {
  readonly error: string
}

async function play({ io, output }: Context, steps: Step[]): Promise<Failure | undefined> {
  const temporary = makeTemporary()
  const interrupted = interruption()
  let over = false
  const tell = createSteps((step) => {
    // What an interruption made fail is of no interest.
    if (over) return
    steps.push(step)
    if (!output.json) output.result(undefined, () => showStep(step, output.style))
  })
  const story = async (): Promise<undefined> => {
    const stage = await tell(
      'set-up',
      'A broker, a CI that signs tokens for its jobs, and a resource server, all on this machine.',
      () => setStage(temporary, io).then(foundStage),
    )
    await tellStory(tell, stage.cast)
    return undefined
  }
  try {
    return await Promise.race([story(), interrupted.promise])
  } catch (error) {
    return { error: describe(error) }
  } finally {
    over = true
    interrupted.release()
    await temporary.remove()
  }
}

async function foundStage(stage: Stage): Promise<Finding<Stage>> {
  const path = '/.well-known/oauth-authorization-server'
  const { status, body } = await stage.cast.auditor.api().send({ method: 'GET', path })
  const issuer = typeof body === 'object' && body !== null && 'issuer' in body ? body.issuer : undefined
  return {
    ok: status === 200 && issuer === stage.url,
    expected: `the metadata names the issuer ${stage.url}`,
    observed: `HTTP ${status}, issuer ${String(issuer)}`,
    facts: { issuer, ci: stage.ciUrl },
    text: facts([
      ['broker', `${stage.url}, embedded store`],
      ['ci', stage.ciUrl],
    ]),
    value: stage,
  }
}

function describe(error: unknown): string {
  if (!(error instanceof StepFailed)) throw error
  const { step, name, expected, observed } = error.step
  return `step ${step} (${name}): expected ${expected}, but got ${observed}`
}

function showStep(
  { step, explanation, text, ok, expected, observed }: Step,
  style: Context['output']['style'],
): string {
  const mark = ok ? style('good', '✓') : style('bad', '✗')
  const found = ok ? [] : [`expected  ${expected}`, `got       ${observed}`]
  return [
    '',
    `${style('heading', `${String(step).padStart(2)}. ${explanation}`)} ${mark}`,
    indent([text, ...found].join('\n'), 4),
  ].join('\n')
}

/** Ctrl-C ends the story, so that what it made is taken away; a second one means at once. */
function interruption(): { readonly promise: Promise<Failure>; readonly release: () => void } {
  let release = (): void => undefined
  const promise = new Promise<Failure>((resolve) => {
    release = onStopSignal(process, {
      stop: () => {
        resolve({ error: 'interrupted' })
      },
      abort: () => process.exit(EXIT.refused satisfies ExitCode),
    })
  })
  return { promise, release }
}
