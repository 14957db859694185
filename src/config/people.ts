import { join } from 'node:path'
import type { PeopleSource, PersonRequirement } from '../people/source.js'
import { isLoopbackHost } from './addresses.js'
import type { PeopleEntry } from './document.js'
import type { Draft } from './draft.js'
import type { Desk } from './files.js'
import { isLocalOnly } from './listen.js'
import { hint } from './suggest.js'
import { settleKeySource } from './workloads.js'

const DEFAULT_LEEWAY = 30

export function settlePeople(draft: Draft, dataDirectory: string, desk: Desk): readonly PeopleSource[] {
  checkLocals(draft, desk)
  checkJoins(draft, desk)
  return draft.people.flatMap((entry, at) =>
    entry === undefined ? [] : [settleSource(entry, at, draft, dataDirectory, desk)],
  )
}

function settleSource(entry: PeopleEntry, at: number, draft: Draft, dataDirectory: string, desk: Desk): PeopleSource {
  checkName(entry, at, desk)
  checkLinks(entry, at, draft, desk)
  const requirement = requirementOf(entry.require)
  if (entry.preset === 'local') {
    const { name, groups, links } = entry
    return { kind: 'local', name, keyFile: join(dataDirectory, 'local-person.key'), groups, links, requirement }
  }
  return {
    kind: 'oidc',
    name: entry.name,
    issuer: entry.issuer,
    audiences: entry.audiences,
    algorithms: entry.algorithms,
    groupsClaim: entry.groups_claim,
    ...(entry.same_person === undefined ? {} : { samePerson: entry.same_person }),
    links: entry.links,
    requirement,
    leeway: entry.leeway ?? draft.limits?.leeway ?? DEFAULT_LEEWAY,
    keys: settleKeySource(entry, ['people', at], desk),
  }
}

const requirementOf = (entry: PeopleEntry['require']): PersonRequirement => ({
  ...(entry.max_age === undefined ? {} : { maxAge: entry.max_age }),
  ...(entry.acr_values === undefined ? {} : { acrValues: entry.acr_values }),
  ...(entry.amr === undefined ? {} : { amr: entry.amr }),
})

/** What stands before the colon in `by`, where no person acted: `rule:<id>`, and the SPIFFE ids of workloads. */
const OTHER_ACTORS = ['rule', 'spiffe']

function checkName({ name }: PeopleEntry, at: number, desk: Desk): void {
  if (OTHER_ACTORS.includes(name))
    desk.report(['people', at, 'name'], 'is the name of something else', 'take another name')
}

/**
 * One human with accounts at two issuers is told apart from two humans by `same_person` alone (invariant 6). An issuer whose
 * people approve nothing counts as well: who asks there could approve at the other.
 */
function checkJoins(draft: Draft, desk: Desk): void {
  if (draft.people.length < 2) return
  draft.people.forEach((entry, at) => {
    if (entry?.preset === 'local' && draft.people.some((other) => other?.preset === 'oidc')) {
      const remedy = 'keep one of them: nothing says who of the others the local person is'
      desk.report(['people', at], 'is a local person beside others', remedy)
    }
    if (entry?.preset !== 'oidc' || entry.same_person !== undefined) return
    const remedy = 'name the claim that has the same value at all issuers, such as email or an employee number'
    desk.report(['people', at, 'same_person'], 'is missing: one human could count twice', remedy)
  })
}

function checkLinks(entry: PeopleEntry, at: number, draft: Draft, desk: Desk): void {
  const known = draft.workloads.flatMap((workload) => (workload === undefined ? [] : [workload.name]))
  if (known.length < draft.workloads.length) return
  for (const source of Object.keys(entry.links)) {
    if (known.includes(source)) continue
    desk.report(
      ['people', at, 'links', source],
      'is not a workload source',
      hint(source, known, 'names under workloads'),
    )
  }
}

/** Who holds the key file is the local person: that must stay a matter of this machine alone. */
function checkLocals(draft: Draft, desk: Desk): void {
  const locals = draft.people.flatMap((entry, at) => (entry?.preset === 'local' ? [at] : []))
  const [first, ...others] = locals
  if (first === undefined) return
  for (const at of others)
    desk.report(['people', at], 'is a second local person', 'keep one: this machine has one key for it')
  const remedy = 'use an OpenID Connect issuer (preset: oidc), or serve the api on loopback only, without a proxy'
  const exposed = draft.listen.some((entry) => entry?.serve.includes('api') === true && !isLocalOnly(entry))
  const elsewhere = draft.issuer !== undefined && !isLoopbackHost(new URL(draft.issuer).hostname)
  if (exposed || elsewhere) desk.report(['people', first], 'is a local person, and others can reach the api', remedy)
}
