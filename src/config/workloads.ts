import { settleAttestation } from './attestation.js'
import { settleSpiffe } from './spiffe.js'
import { missingTenant } from '../workloads/shared-issuers.js'
import type { Preset } from '../workloads/presets/preset.js'
import { PRESETS } from '../workloads/presets.js'
import type { ClaimMapping, KeySource, TokenReviewSource, WorkloadSource } from '../workloads/source.js'
import { isLoopbackHost } from './addresses.js'
import type { WorkloadEntry } from './document.js'
import type { Draft } from './draft.js'
import { readCertificates, type Desk } from './files.js'
import { checkGroup } from './groups.js'

const DEFAULT_LEEWAY = 30
/** `spiffe://<trust_domain>/<name>/<tail>` has 127 bytes at most, and a tail that is a hash needs its room (contract §2). */
const ROOM_FOR_NAMES = 64

export const settleWorkloads = (draft: Draft, desk: Desk): readonly WorkloadSource[] =>
  draft.workloads.flatMap((entry, at) => (entry === undefined ? [] : [settleWorkload(entry, at, draft, desk)]))

function settleWorkload(entry: WorkloadEntry, at: number, draft: Draft, desk: Desk): WorkloadSource {
  const preset = PRESETS.get(entry.preset)
  if (preset === undefined) throw new Error(`the preset ${entry.preset} is in the schema, and nowhere else`)
  checkGroup(entry.owner, ['workloads', at, 'owner'], draft, desk.report)
  checkIssuerForm(entry, preset, at, desk)
  checkTenant(entry, at, desk)
  checkNameLength(entry, at, draft, desk)
  checkMapping(entry, at, desk)
  const keys = settleKeySource(entry, ['workloads', at], desk)
  const tokenReview = settleTokenReview(entry, keys, at, desk)
  const maxAge = entry.max_age ?? preset.maxAge
  return {
    name: entry.name,
    preset: entry.preset,
    issuer: entry.issuer,
    audiences: entry.audiences,
    require: entry.require,
    owner: entry.owner,
    reuse: entry.reuse ?? preset.reuse,
    algorithms: entry.algorithms ?? preset.algorithms,
    ...(maxAge === undefined ? {} : { maxAge }),
    leeway: entry.leeway ?? draft.limits?.leeway ?? DEFAULT_LEEWAY,
    keys,
    ...(tokenReview === undefined ? {} : { tokenReview }),
    ...settleSpiffe(entry, at, draft, desk),
    ...settleAttestation(entry, at, desk),
    mapping: mappingOf(entry),
  }
}

/** Which claims mean what: the preset's, or for `generic` what the entry says. */
export function mappingOf(entry: WorkloadEntry): ClaimMapping {
  const preset = PRESETS.get(entry.preset)
  if (preset === undefined) throw new Error(`the preset ${entry.preset} is in the schema, and nowhere else`)
  if (entry.mapping === undefined || !preset.mappingIsConfigurable) return preset.mapping
  const { anchor, segments, sealed, started_by: startedBy, delegate } = entry.mapping
  return { anchor, segments, sealed, ...(startedBy === undefined ? {} : { startedBy }), delegate }
}

interface KeySourceEntry {
  readonly jwks_uri?: string | undefined
  readonly ca_file?: string | undefined
  readonly token_file?: string | undefined
}

/** Where an issuer's keys come from; of workloads and of people alike. */
export function settleKeySource(entry: KeySourceEntry, at: readonly PropertyKey[], desk: Desk): KeySource {
  const ca = entry.ca_file === undefined ? undefined : readCertificates(desk, [...at, 'ca_file'], entry.ca_file)
  if (entry.token_file !== undefined) desk.read([...at, 'token_file'], entry.token_file)
  return {
    ...(entry.jwks_uri === undefined ? {} : { jwksUri: entry.jwks_uri }),
    ...(ca === undefined ? {} : { ca }),
    ...(entry.token_file === undefined ? {} : { tokenFile: desk.resolve(entry.token_file) }),
  }
}

function settleTokenReview(
  { preset, token_review: review }: WorkloadEntry,
  ofIssuer: KeySource,
  at: number,
  desk: Desk,
): TokenReviewSource | undefined {
  if (review === undefined) return undefined
  const path = ['workloads', at, 'token_review']
  if (preset !== 'kubernetes') desk.report(path, 'is for clusters', 'take it out, or say preset: kubernetes')
  const { ca, tokenFile } = { ...ofIssuer, ...settleKeySource({ ...review, jwks_uri: undefined }, path, desk) }
  if (tokenFile !== undefined) return { url: review.url, ...(ca === undefined ? {} : { ca }), tokenFile }
  desk.report(path, 'has no token to ask with', 'name a token_file: the API server wants to know who asks')
  return undefined
}

/** A provider's issuers have one form; on this machine alone another may stand in for them. */
function checkIssuerForm(entry: WorkloadEntry, { name, issuerForm }: Preset, at: number, desk: Desk): void {
  if (issuerForm === undefined || issuerForm.fits(entry.issuer) || isLoopbackHost(new URL(entry.issuer).hostname))
    return
  desk.report(['workloads', at, 'issuer'], `is no issuer of ${name}`, `write ${issuerForm.expects}`)
}

/** Trusting an issuer that signs for everybody, without naming a tenant, is trusting everybody. */
function checkTenant(entry: WorkloadEntry, at: number, desk: Desk): void {
  const missing = missingTenant(entry.issuer, entry.require)
  if (missing === undefined) return
  const remedy = `state one of ${missing.join(', ')} without *, in quotes, as in require: { ${missing[0] ?? 'claim'}: "42" }`
  desk.report(['workloads', at, 'require'], 'names no tenant of an issuer that everybody shares', remedy)
}

function checkNameLength(entry: WorkloadEntry, at: number, draft: Draft, desk: Desk): void {
  if ((draft.trust_domain?.length ?? 0) + entry.name.length <= ROOM_FOR_NAMES) return
  const remedy = `keep trust_domain and the name within ${ROOM_FOR_NAMES} characters together`
  desk.report(['workloads', at, 'name'], 'is too long beside this trust_domain', remedy)
}

function checkMapping(entry: WorkloadEntry, at: number, desk: Desk): void {
  const { mapping } = entry
  if (mapping === undefined) return
  const path = ['workloads', at, 'mapping']
  if (PRESETS.get(entry.preset)?.mappingIsConfigurable !== true) {
    desk.report(path, `is what the preset ${entry.preset} knows`, 'take it out, or say preset: generic')
    return
  }
  mapping.segments.forEach((segment, position) => {
    if (segment !== mapping.anchor && !mapping.sealed.includes(segment)) return
    const remedy = 'take it out: the name has the anchor already, and is the same in every run'
    desk.report([...path, 'segments', position], 'is the anchor, or the id of one run', remedy)
  })
  if (mapping.sealed.includes(mapping.anchor)) {
    desk.report(
      [...path, 'sealed'],
      'holds the anchor',
      'the anchor outlives every run: take another claim for one of them',
    )
  }
}
