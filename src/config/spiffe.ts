import { JWT_SVID_ALGORITHMS } from '../workloads/jwt-svid.js'
import type { BundleSource, WorkloadSource } from '../workloads/source.js'
import { parseSpiffeBundle } from '../workloads/spiffe-bundle.js'
import { parseSpiffeId } from '../workloads/spiffe-uri.js'
import { parseStrictObject } from '../workloads/strict-json.js'
import type { WorkloadEntry } from './document.js'
import type { Draft } from './draft.js'
import { readCertificates, type Desk } from './files.js'

/** What a trust domain has that no other source has. It replaces `keys`. */
export function settleSpiffe(
  entry: WorkloadEntry,
  at: number,
  draft: Draft,
  desk: Desk,
): Pick<WorkloadSource, 'trustDomain' | 'keys'> | undefined {
  const path = ['workloads', at]
  if (entry.preset !== 'spiffe') {
    if (entry.bundle !== undefined)
      desk.report([...path, 'bundle'], 'is for trust domains', 'take it out, or say preset: spiffe')
    if (entry.issuer.startsWith('spiffe://'))
      desk.report([...path, 'issuer'], 'is a trust domain', 'say preset: spiffe, or write the https URL of the issuer')
    return undefined
  }
  const trustDomain = parseSpiffeId(entry.issuer)?.trustDomain
  if (trustDomain !== undefined && trustDomain === draft.trust_domain) {
    const remedy = 'name another trust domain: what Errand issues is handed on by tickets only'
    desk.report([...path, 'issuer'], "is Errand's own trust domain", remedy)
  }
  for (const key of ['jwks_uri', 'ca_file', 'token_file'] as const)
    if (entry[key] !== undefined)
      desk.report([...path, key], 'is not where a trust domain has its keys', 'take it out, and write bundle')
  if (entry.algorithms?.every((alg) => JWT_SVID_ALGORITHMS.includes(alg)) === false)
    desk.report(
      [...path, 'algorithms'],
      'has one that JWT-SVIDs do not have',
      `take from ${JWT_SVID_ALGORITHMS.join(', ')}`,
    )
  const bundle = settleBundle(entry, trustDomain, at, desk)
  return { ...(trustDomain === undefined ? {} : { trustDomain }), keys: bundle === undefined ? {} : { bundle } }
}

function settleBundle(
  { bundle }: WorkloadEntry,
  trustDomain: string | undefined,
  at: number,
  desk: Desk,
): BundleSource | undefined {
  const path = ['workloads', at, 'bundle']
  if (bundle === undefined || (bundle.uri === undefined && bundle.file === undefined)) {
    desk.report(path, 'says nowhere where the bundle is', 'write bundle: { uri: https://… }, or bundle: { file: … }')
    return undefined
  }
  const { uri, endpoint_id: endpointId, file } = bundle
  if (endpointId !== undefined) checkEndpoint(bundle, trustDomain, path, desk)
  else if (uri !== undefined && file !== undefined)
    desk.report(
      [...path, 'file'],
      'stands beside uri',
      'keep one of the two, or say which endpoint_id the endpoint has',
    )
  if (uri === undefined && bundle.ca_file !== undefined)
    desk.report([...path, 'ca_file'], 'is of no endpoint', 'take it out, or name the uri')
  const ca = bundle.ca_file === undefined ? undefined : readCertificates(desk, [...path, 'ca_file'], bundle.ca_file)
  if (file !== undefined) checkBundleFile(file, [...path, 'file'], desk)
  return {
    ...(uri === undefined ? {} : { uri }),
    ...(ca === undefined ? {} : { ca }),
    ...(endpointId === undefined ? {} : { endpointId }),
    ...(file === undefined ? {} : { file: desk.resolve(file) }),
  }
}

function checkEndpoint(
  { uri, ca_file: ca, endpoint_id: endpointId = '', file }: NonNullable<WorkloadEntry['bundle']>,
  trustDomain: string | undefined,
  path: readonly PropertyKey[],
  desk: Desk,
): void {
  const at = [...path, 'endpoint_id']
  if (uri === undefined) desk.report(at, 'is of no endpoint', 'name the uri, or take it out')
  if (uri !== undefined && !uri.startsWith('https:')) desk.report([...path, 'uri'], 'is not https', 'write https://…')
  if (file === undefined) desk.report(at, 'cannot be known at first', 'name a file with the bundle to begin with')
  if (ca !== undefined)
    desk.report(
      [...path, 'ca_file'],
      'stands beside endpoint_id',
      'take one out: the endpoint is known by the bundle itself',
    )
  if (trustDomain !== undefined && parseSpiffeId(endpointId)?.trustDomain !== trustDomain)
    desk.report(at, 'is of another trust domain', `write spiffe://${trustDomain}/…`)
}

function checkBundleFile(file: string, at: readonly PropertyKey[], desk: Desk): void {
  const bytes = desk.read(at, file)
  if (bytes === undefined) return
  const bundle = parseSpiffeBundle(parseStrictObject(bytes))
  if (bundle !== undefined && bundle.keys.size + bundle.roots.length > 0) return
  desk.report(at, 'holds no bundle with a key', 'a JWK Set whose keys say use: jwt-svid or x509-svid')
}
