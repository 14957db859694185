import type { AllowRule, Catalogue, Guard, Resource, SigningAlg, Tier } from '../policy/catalogue.js'
import { normalizeTarget } from '../policy/resolve-access.js'
import { compileJsonSchema } from '../runtime/json-schema.js'
import { statedAnchor } from '../workloads/delegate.js'
import { compilePattern, type Pattern } from '../workloads/pattern.js'
import { comparable } from './addresses.js'
import { catalogueDigest } from './catalogue-digest.js'
import { settleClients } from './clients.js'
import type { AllowEntry, ResourceEntry } from './document.js'
import type { Draft } from './draft.js'
import type { Path } from './fault.js'
import type { Desk } from './files.js'
import { hint } from './suggest.js'
import { mappingOf } from './workloads.js'

/** Stands for a tier that has been reported: nothing that refers to it is ever used. */
interface Shelf {
  readonly draft: Draft
  readonly desk: Desk
  readonly tiers: ReadonlyMap<string, Tier>
}

/** What can be asked for, and under which conditions. */
export function settleCatalogue(draft: Draft, tiers: ReadonlyMap<string, Tier>, desk: Desk): Catalogue {
  const shelf = { draft, desk, tiers }
  const resources = new Map<string, Resource>()
  const schemas = new Map<string, ReadonlyMap<string, unknown>>()
  const clients = settleClients(draft, desk)
  checkAudiences(draft, desk)
  draft.resources.forEach((entry, at) => {
    if (entry === undefined) return
    const details = settleDetails(entry, at, shelf)
    resources.set(entry.audience, {
      audience: entry.audience,
      scopes: settleScopes(entry, at, shelf),
      details: new Map([...details].map(([type, { guard, check }]) => [type, { ...guard, check }])),
      credentials: [...new Set(entry.credentials)].sort(),
      ...settleNames(entry, at, desk),
      signingAlg: entry.signing_alg ?? draft.keys?.signing_alg ?? DEFAULT_ALG,
      clients: clients.get(at) ?? [],
    })
    schemas.set(entry.audience, new Map([...details].map(([type, { schema }]) => [type, schema])))
  })
  return { resources, tiers, digest: catalogueDigest(resources, tiers, schemas) }
}

function settleNames(entry: ResourceEntry, at: number, desk: Desk): Pick<Resource, 'certificateNames'> {
  if (entry.certificate === undefined) return {}
  if (!entry.credentials.includes('x509'))
    desk.report(
      ['resources', at, 'certificate'],
      'names what stands in certificates, and none are issued',
      'add x509 to credentials, or take it out',
    )
  const { common_name, dns } = entry.certificate
  return { certificateNames: { commonName: compileAll(common_name), dns: compileAll(dns) } }
}

/** A pattern that does not compile has been reported: it lets nothing through. */
const compileAll = (texts: readonly string[]): readonly Pattern[] =>
  texts.flatMap((text) => {
    const compiled = compilePattern(text)
    return compiled.ok ? [compiled.value] : []
  })

const DEFAULT_ALG: SigningAlg = 'ES256'

function checkAudiences(draft: Draft, desk: Desk): void {
  const seen = new Set<string>()
  draft.resources.forEach((entry, at) => {
    if (entry === undefined) return
    const path = ['resources', at, 'audience']
    const target = normalizeTarget(entry.audience)
    if (seen.has(target)) desk.report(path, 'stands here twice', 'join the two entries')
    seen.add(target)
    // A ticket has this broker as its audience: a credential must never look like one.
    if (draft.issuer !== undefined && comparable(entry.audience) === comparable(draft.issuer)) {
      desk.report(path, 'is Errand itself', 'name the resource server that checks the credential')
    }
    const offersNothing = Object.keys(entry.scopes).length + Object.keys(entry.authorization_details).length === 0
    if (offersNothing) desk.report(['resources', at], 'offers nothing', 'add scopes or authorization_details')
  })
}

function settleScopes(entry: ResourceEntry, at: number, shelf: Shelf): ReadonlyMap<string, Guard> {
  const guards = Object.entries(entry.scopes).map(([scope, written]) => {
    const path = ['resources', at, 'scopes', scope]
    if (typeof written === 'string') return [scope, settleGuard(written, path, [], path, shelf)] as const
    const rules = settleRules(written.allow, `${entry.audience} ${scope}`, path, shelf)
    return [scope, settleGuard(written.tier, [...path, 'tier'], rules, path, shelf)] as const
  })
  return mapOfDefined(guards)
}

interface SettledDetail {
  readonly guard: Guard
  readonly check: (detail: unknown) => string | undefined
  readonly schema: unknown
}

function settleDetails(entry: ResourceEntry, at: number, shelf: Shelf): ReadonlyMap<string, SettledDetail> {
  const settled = Object.entries(entry.authorization_details).map(([type, written]) => {
    const path = ['resources', at, 'authorization_details', type]
    const rules = settleRules(written.allow, `${entry.audience} ${type}`, path, shelf)
    const guard = settleGuard(written.tier, [...path, 'tier'], rules, path, shelf)
    const schema = readSchema(written.schema_file, [...path, 'schema_file'], shelf.desk)
    return [type, guard === undefined || schema === undefined ? undefined : { guard, ...schema }] as const
  })
  return mapOfDefined(settled)
}

function settleGuard(
  name: string,
  at: Path,
  allow: readonly AllowRule[],
  guardAt: Path,
  { draft, desk, tiers }: Shelf,
): Guard | undefined {
  if (!draft.tiers.has(name)) desk.report(at, 'is not a known tier', hint(name, [...draft.tiers.keys()], 'tiers'))
  const tier = tiers.get(name)
  if (tier === undefined) return undefined
  if (allow.length > 0 && tier.approval !== 'policy') {
    const remedy = `take allow out, or take a tier with approval: policy; in ${name} people decide`
    desk.report([...guardAt, 'allow'], 'permits what people are to decide', remedy)
  }
  return { tier, allow }
}

const settleRules = (entries: readonly AllowEntry[], owner: string, at: Path, shelf: Shelf): readonly AllowRule[] =>
  entries.map((entry, position) => {
    checkRule(entry, [...at, 'allow', position], shelf)
    return { id: `${owner} ${position + 1}`, issuer: entry.issuer, subject: entry.subject, claims: entry.claims }
  })

function checkRule(rule: AllowEntry, at: Path, { draft, desk }: Shelf): void {
  const sources = draft.workloads.filter((entry) => entry !== undefined)
  const source = sources.find(({ issuer }) => issuer === rule.issuer)
  if (source === undefined) {
    // A source that has been reported may be the one that is meant.
    if (sources.length < draft.workloads.length) return
    const known = sources.map(({ issuer }) => issuer)
    desk.report(
      [...at, 'issuer'],
      'is not the issuer of a workload source',
      hint(rule.issuer, known, 'issuers under workloads'),
    )
    return
  }
  const { anchor } = mappingOf(source)
  if (statedAnchor(rule, anchor) !== undefined) return
  const message = Object.hasOwn(rule.claims, anchor)
    ? 'states the anchor claim by a pattern'
    : 'does not state the anchor claim'
  desk.report(
    [...at, 'claims'],
    message,
    `state ${JSON.stringify(anchor)} exactly: nothing else names one workload for good`,
  )
}

function readSchema(file: string, at: Path, desk: Desk): Pick<SettledDetail, 'check' | 'schema'> | undefined {
  const bytes = desk.read(at, file)
  if (bytes === undefined) return undefined
  const schema = parseJson(bytes)
  const compiled = compileJsonSchema(schema)
  if (compiled.ok) return { check: compiled.value, schema }
  desk.report(
    at,
    `is not a usable JSON Schema: ${compiled.refusal}`,
    'JSON Schema draft 2020-12, in one file, in strict mode of ajv',
  )
  return undefined
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown
  } catch {
    return undefined
  }
}

const mapOfDefined = <T>(entries: readonly (readonly [string, T | undefined])[]): ReadonlyMap<string, T> =>
  new Map(entries.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])))
