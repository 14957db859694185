/*
 * Lists of revoked certificates (RFC 5280 §5). Here they are read; path-validation.ts asks what they say.
 */
import { ok, refuse, type Result } from '../runtime/result.js'
import type { EpochSeconds } from '../runtime/clock.js'
import {
  bitStringOf,
  integerOf,
  isContext,
  isUniversal,
  readDer,
  timeOf,
  type DerBudget,
  type DerNode,
} from './read-der.js'
import { readExtension } from './extension.js'
import { parseName, type Name } from './name.js'
import { OIDS } from './oids.js'
import { signatureAlgorithmOf, type SignatureAlgorithm } from './signature.js'

export interface ParsedCrl {
  /** What is signed. */
  readonly tbs: Buffer
  /** `undefined`: unknown or weak. */
  readonly algorithm: SignatureAlgorithm | undefined
  readonly signature: Buffer
  readonly issuer: Name
  readonly thisUpdate: EpochSeconds
  /** Always there (§5.1.2.5): a list without it would be believed for ever. */
  readonly nextUpdate: EpochSeconds
  /** Serial numbers as certificates encode them, hex. */
  readonly revoked: ReadonlySet<string>
  /**
   * Critical extensions of the list or of an entry: parts of a list, changes since another one, entries of other issuers.
   * None is understood here; a list with one says nothing.
   */
  readonly unknownCritical: readonly string[]
}

/** About 200,000 entries; a list is read when a file changes, not when somebody asks. */
const CRL_BUDGET: DerBudget = { bytes: 16 * 1024 * 1024, depth: 16, nodes: 2_000_000 }

/** The refusal is for the log: it holds nothing of the list. */
export function parseCrl(der: Uint8Array): Result<ParsedCrl, string> {
  const root = readDer(der, CRL_BUDGET)
  if (root === undefined) return refuse('not DER')
  const [tbs, algorithm, signature, ...rest] = root.children
  if (!isUniversal(root, 'sequence') || !isUniversal(tbs, 'sequence') || algorithm === undefined || rest.length > 0)
    return refuse('not a CRL')
  const bits = bitStringOf(signature)
  if (bits?.unusedBits !== 0) return refuse('the signature is not a string of octets')
  const [version, innerAlgorithm, issuerNode, thisNode, nextNode, ...optional] = tbs.children
  if (integerOf(version) !== 1n) return refuse('not of version 2')
  if (innerAlgorithm?.bytes.equals(algorithm.bytes) !== true) return refuse('names two signature algorithms')
  const issuer = parseName(issuerNode)
  if (issuer === undefined || issuer.rdns.length === 0) return refuse('the issuer is malformed')
  const thisUpdate = timeOf(thisNode)
  const nextUpdate = timeOf(nextNode)
  if (thisUpdate === undefined) return refuse('thisUpdate is malformed')
  if (nextUpdate === undefined) return refuse('there is no nextUpdate')
  const entries = isUniversal(optional[0], 'sequence') ? optional.shift() : undefined
  const revoked = readEntries(entries)
  const extensions = readListExtensions(optional)
  if (revoked === undefined || extensions === undefined) return refuse('an entry or an extension is malformed')
  return ok({
    tbs: tbs.bytes,
    algorithm: signatureAlgorithmOf(algorithm),
    signature: bits.bytes,
    issuer,
    thisUpdate,
    nextUpdate,
    revoked: revoked.serials,
    unknownCritical: [...extensions, ...revoked.unknownCritical],
  })
}

interface Entries {
  readonly serials: ReadonlySet<string>
  readonly unknownCritical: ReadonlySet<string>
}

/** revokedCertificates (§5.1.2.6): absent where there are none. */
function readEntries(list: DerNode | undefined): Entries | undefined {
  const serials = new Set<string>()
  const unknownCritical = new Set<string>()
  for (const entry of list?.children ?? []) {
    const [serial, at, extensions, ...rest] = entry.children
    if (!isUniversal(entry, 'sequence') || !isUniversal(serial, 'integer') || timeOf(at) === undefined) return undefined
    if (rest.length > 0) return undefined
    serials.add(serial.content.toString('hex'))
    const critical = extensions === undefined ? [] : criticalOf(extensions)
    if (critical === undefined) return undefined
    for (const type of critical) unknownCritical.add(type)
  }
  return { serials, unknownCritical }
}

function readListExtensions(optional: readonly DerNode[]): readonly string[] | undefined {
  const [tagged, ...rest] = optional
  if (tagged === undefined) return []
  if (!isContext(tagged, 0) || tagged.children.length !== 1 || rest.length > 0) return undefined
  const [extensions] = tagged.children
  return extensions === undefined ? undefined : criticalOf(extensions)
}

/** Those that are critical and change what the list means; a reason does not. */
function criticalOf(extensions: DerNode): readonly string[] | undefined {
  if (!isUniversal(extensions, 'sequence') || extensions.children.length === 0) return undefined
  const critical: string[] = []
  for (const node of extensions.children) {
    const extension = readExtension(node)
    if (extension === undefined) return undefined
    if (extension.critical && !UNDERSTOOD.has(extension.type)) critical.push(extension.type)
  }
  return critical
}

const UNDERSTOOD: ReadonlySet<string> = new Set([
  OIDS.reasonCode,
  OIDS.invalidityDate,
  OIDS.crlNumber,
  OIDS.authorityKeyIdentifier,
])
