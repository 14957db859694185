import { comparable } from './addresses.js'
import type { PeopleEntry, WorkloadEntry } from './document.js'
import type { Draft } from './draft.js'
import type { Path, Report } from './fault.js'

/** What holds between the issuers of workloads, those of people, and our own: one assertion must never pass in two roles. */
export function checkIssuers(draft: Draft, report: Report): void {
  const workloads = located(draft.workloads, 'workloads')
  const people = located(
    draft.people.map((entry) => (entry?.preset === 'oidc' ? entry : undefined)),
    'people',
  )
  for (const { at, entry } of [...workloads, ...people]) refuseOurOwn(draft.issuer, entry.issuer, at, report)
  refuseRepeats(workloads, report)
  refuseRepeats(people, report)
  for (const workload of workloads) for (const person of people) demandDisjoint(workload, person, report)
}

interface Located<T> {
  readonly at: Path
  readonly entry: T
}

const located = <T>(entries: readonly (T | undefined)[], section: string): readonly Located<T>[] =>
  entries.flatMap((entry, position) => (entry === undefined ? [] : [{ at: [section, position], entry }]))

/** Else what Errand issues could be exchanged for more (invariant 5), or decide about itself. */
function refuseOurOwn(own: string | undefined, issuer: string, at: Path, report: Report): void {
  if (own === undefined || comparable(issuer) !== comparable(own)) return
  report([...at, 'issuer'], 'is Errand itself', 'take the entry out: what Errand issues is handed on by tickets only')
}

function refuseRepeats(
  entries: readonly Located<WorkloadEntry | Extract<PeopleEntry, { preset: 'oidc' }>>[],
  report: Report,
): void {
  const issuers = new Set<string>()
  const names = new Set<string>()
  for (const { at, entry } of entries) {
    const issuer = comparable(entry.issuer)
    if (issuers.has(issuer))
      report([...at, 'issuer'], 'stands here twice', 'join the two entries: an assertion is routed by its issuer')
    if (names.has(entry.name)) report([...at, 'name'], 'stands here twice', 'take another name')
    issuers.add(issuer)
    names.add(entry.name)
  }
}

/** An issuer that serves both machines and people: only the audience tells whose token it is. */
function demandDisjoint(
  workload: Located<WorkloadEntry>,
  person: Located<Extract<PeopleEntry, { preset: 'oidc' }>>,
  report: Report,
): void {
  if (comparable(workload.entry.issuer) !== comparable(person.entry.issuer)) return
  const machines = new Set(workload.entry.audiences.map(comparable))
  person.entry.audiences.forEach((audience, position) => {
    if (!machines.has(comparable(audience))) return
    const remedy = "let people's tokens have an audience of their own: the issuer serves machines too"
    report([...person.at, 'audiences', position], 'is an audience of workloads as well', remedy)
  })
}
