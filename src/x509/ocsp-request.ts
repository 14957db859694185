import { ok, refuse, type Result } from '../runtime/result.js'
import {
  integerOf,
  isContext,
  isUniversal,
  octetStringOf,
  oidOf,
  readDer,
  type DerBudget,
  type DerNode,
} from './read-der.js'
import { readExtension } from './extension.js'
import { OIDS } from './oids.js'

/** One certificate that is asked about (RFC 6960 §4.1.1): its issuer by digests of its name and key, and its serial number. */
export interface CertId {
  /** As it was sent: the answer repeats it. */
  readonly der: Buffer
  /** `undefined`: a digest that we do not make. */
  readonly digest: 'sha1' | 'sha256' | undefined
  readonly issuerNameHash: Buffer
  readonly issuerKeyHash: Buffer
  /** Content of the INTEGER. */
  readonly serial: Buffer
}

export interface OcspRequest {
  readonly certIds: readonly CertId[]
  /** RFC 9654 §2.1. */
  readonly nonce: Buffer | undefined
}

/** Certificates in one request. Verifiers ask for one at a time, or for those of a chain. */
const MAX_CERTIFICATES = 8
const BUDGET: DerBudget = { bytes: 8192, depth: 12, nodes: 400 }
/** Bytes (RFC 9654 §2.1). */
const MAX_NONCE = 128

/** Anything else than a request of version 1 is `malformed`. A signature of the client is not looked at: anybody may ask. */
export function parseOcspRequest(bytes: Uint8Array): Result<OcspRequest, 'malformed'> {
  const root = readDer(bytes, BUDGET)
  const [tbs, signature, ...rest] = root?.children ?? []
  const isFramed = isUniversal(root, 'sequence') && isUniversal(tbs, 'sequence') && rest.length === 0
  if (!isFramed || (signature !== undefined && !isContext(signature, 0))) return malformed
  const fields = [...tbs.children]
  if (isContext(fields[0], 0) && integerOf(fields.shift()?.children[0]) !== 0n) return malformed
  // requestorName: whoever it says it is, it changes nothing.
  if (isContext(fields[0], 1)) fields.shift()
  const [list, extensions, ...more] = fields
  if (!isUniversal(list, 'sequence') || more.length > 0) return malformed
  if (list.children.length === 0 || list.children.length > MAX_CERTIFICATES) return malformed
  const certIds = list.children.map(readRequest)
  const nonce = readNonce(extensions)
  if (!nonce.ok || !certIds.every((certId) => certId !== undefined)) return malformed
  return ok({ certIds, nonce: nonce.value })
}

const malformed = refuse('malformed' as const)

const DIGESTS = new Map([
  [OIDS.sha1, 'sha1'],
  [OIDS.sha256, 'sha256'],
] as const)

function readRequest(node: DerNode): CertId | undefined {
  const [certId, extensions, ...rest] = node.children
  if (!isUniversal(node, 'sequence') || !isUniversal(certId, 'sequence') || rest.length > 0) return undefined
  if (extensions !== undefined && (!isContext(extensions, 0) || readExtensions(extensions) === undefined))
    return undefined
  const [algorithm, nameHash, keyHash, serial, ...more] = certId.children
  const type = oidOf(algorithm?.children[0])
  const [issuerNameHash, issuerKeyHash] = [octetStringOf(nameHash), octetStringOf(keyHash)]
  if (!isUniversal(algorithm, 'sequence') || type === undefined || !isUniversal(serial, 'integer')) return undefined
  if (issuerNameHash === undefined || issuerKeyHash === undefined || more.length > 0) return undefined
  const digest = DIGESTS.get(type as typeof OIDS.sha1)
  return { der: certId.bytes, digest, issuerNameHash, issuerKeyHash, serial: serial.content }
}

/** By type. `undefined` when they are malformed, repeated, or one that is not understood is critical (RFC 6960 §4.4). */
function readExtensions(tagged: DerNode): ReadonlyMap<string, DerNode> | undefined {
  const [list, ...rest] = tagged.children
  if (!isUniversal(list, 'sequence') || rest.length > 0) return undefined
  const found = new Map<string, DerNode>()
  for (const node of list.children) {
    const extension = readExtension(node)
    if (extension === undefined || found.has(extension.type)) return undefined
    const { type, critical, value } = extension
    if (critical && type !== OIDS.ocspNonce) return undefined
    found.set(type, value)
  }
  return found
}

/** RFC 9654 §2.1: an OCTET STRING of 1 to 128 bytes, or the request is malformed. */
function readNonce(tagged: DerNode | undefined): Result<Buffer | undefined, 'malformed'> {
  if (tagged === undefined) return ok(undefined)
  const extensions = isContext(tagged, 2) ? readExtensions(tagged) : undefined
  if (extensions === undefined) return malformed
  const value = extensions.get(OIDS.ocspNonce)
  if (value === undefined) return ok(undefined)
  const nonce = octetStringOf(value)
  const isSound = nonce !== undefined && nonce.length > 0 && nonce.length <= MAX_NONCE
  return isSound ? ok(nonce) : malformed
}
