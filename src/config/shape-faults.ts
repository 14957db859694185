import type { z } from 'zod'
import type { Path, Report } from './fault.js'
import { alternatives, expectation, keysOf, shapesAt } from './shape.js'
import { hint } from './suggest.js'
import { valueAt } from './value-at.js'

type Issue = z.core.$ZodIssue

/** Says in the operator's words what the schema found. */
export function reportShapeFaults(issues: readonly Issue[], raw: unknown, report: Report): void {
  for (const issue of issues) reportIssue(issue, raw, report)
}

function reportIssue(issue: Issue, raw: unknown, report: Report): void {
  const { path } = issue
  if (issue.code === 'unrecognized_keys') {
    const known = keysOf(shapesAt(path)).filter((key) => !issue.keys.includes(key))
    for (const key of issue.keys) report([...path, key], 'is not known', hint(key, known, 'known'))
    return
  }
  if (issue.code === 'invalid_union') {
    const fitting = fittingBranch(issue, valueAt(raw, path))
    if (fitting !== undefined) {
      for (const inner of fitting) reportIssue({ ...inner, path: [...path, ...inner.path] }, raw, report)
      return
    }
  }
  if (issue.code === 'invalid_key') {
    report(path, issue.issues.map(({ message }) => message).join(' and '), keyRemedy(path))
    return
  }
  report(path, complaint(issue, valueAt(raw, path)), remedyFor(issue))
}

/** The one alternative that was meant, told by the type of the value; `undefined` where none or several could be. */
function fittingBranch(issue: z.core.$ZodIssueInvalidUnion, value: unknown): readonly Issue[] | undefined {
  const misfit = ({ code, path }: Issue): boolean =>
    path.length === 0 && (code === 'invalid_type' || (code === 'invalid_value' && typeof value !== 'string'))
  const fitting = issue.errors.filter((branch) => !branch.some(misfit))
  return fitting.length === 1 ? fitting[0] : undefined
}

function complaint(issue: Issue, value: unknown): string {
  if (value === undefined) return 'is missing'
  if (issue.code === 'custom' || issue.code === 'invalid_format') return issue.message
  if (issue.code === 'too_small' && issue.origin === 'array') return 'is empty'
  if (issue.code === 'too_small' && issue.origin === 'string') return issue.message
  if (issue.code === 'too_big' && issue.origin === 'array') return `has more than ${String(issue.maximum)} entries`
  if (issue.code === 'too_big' && issue.origin === 'string') return issue.message
  return `cannot be ${nameOf(value)}`
}

/** Never the value of a text: it may be a secret in the wrong place. */
function nameOf(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a section'
  return typeof value === 'string' ? 'this text' : JSON.stringify(value)
}

function remedyFor(issue: Issue): string {
  if (issue.code === 'custom') {
    const remedy: unknown = issue.params?.['remedy']
    if (typeof remedy === 'string') return remedy
  }
  const shapes = shapesAt(issue.path)
  const expected = expectation(shapes)
  return expected === '' ? 'docs/configuration.md says what belongs here' : `write ${expected}`
}

const keyRemedy = (path: Path): string => {
  const names = shapesAt(path.slice(0, -1))
    .flatMap(alternatives)
    .map((node) => node.propertyNames ?? {})
  return `write ${expectation(names)}`
}
