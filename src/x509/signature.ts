import { constants, verify, type KeyObject } from 'node:crypto'
import { integerOf, isContext, isUniversal, oidOf, type DerNode } from './read-der.js'
import { OIDS } from './oids.js'

/** How certificates and CRLs are signed. MD5, SHA-1 and DSA are not among these: what is signed by them is not believed. */
export type SignatureAlgorithm =
  | { readonly key: 'rsa'; readonly digest: Digest; readonly pss: boolean }
  | { readonly key: 'ec'; readonly digest: Digest }
  | { readonly key: 'ed25519' }

type Digest = 'sha256' | 'sha384' | 'sha512'

/** PKCS #1 v1.5 (RFC 4055 §5), ECDSA (RFC 5758 §3.2) and Ed25519 (RFC 8410 §3). */
const ALGORITHMS = new Map<string, { readonly algorithm: SignatureAlgorithm; readonly parameters: 'null' | 'none' }>([
  [OIDS.sha256WithRsaEncryption, { algorithm: { key: 'rsa', digest: 'sha256', pss: false }, parameters: 'null' }],
  [OIDS.sha384WithRsaEncryption, { algorithm: { key: 'rsa', digest: 'sha384', pss: false }, parameters: 'null' }],
  [OIDS.sha512WithRsaEncryption, { algorithm: { key: 'rsa', digest: 'sha512', pss: false }, parameters: 'null' }],
  [OIDS.ecdsaWithSha256, { algorithm: { key: 'ec', digest: 'sha256' }, parameters: 'none' }],
  [OIDS.ecdsaWithSha384, { algorithm: { key: 'ec', digest: 'sha384' }, parameters: 'none' }],
  [OIDS.ecdsaWithSha512, { algorithm: { key: 'ec', digest: 'sha512' }, parameters: 'none' }],
  [OIDS.ed25519, { algorithm: { key: 'ed25519' }, parameters: 'none' }],
])

const DIGESTS = new Map<string, { readonly digest: Digest; readonly length: bigint }>([
  [OIDS.sha256, { digest: 'sha256', length: 32n }],
  [OIDS.sha384, { digest: 'sha384', length: 48n }],
  [OIDS.sha512, { digest: 'sha512', length: 64n }],
])

/** Of an AlgorithmIdentifier; `undefined` for what is unknown, weak, or has other parameters than it should. */
export function signatureAlgorithmOf(node: DerNode | undefined): SignatureAlgorithm | undefined {
  if (!isUniversal(node, 'sequence') || node.children.length > 2) return undefined
  const [type, parameters] = node.children
  const oid = oidOf(type)
  if (oid === undefined) return undefined
  if (oid === OIDS.rsassaPss) return pssOf(parameters)
  const known = ALGORITHMS.get(oid)
  if (known === undefined) return undefined
  // RSA has NULL, and must be taken without (RFC 4055 §5).
  const fits = parameters === undefined || (known.parameters === 'null' && isUniversal(parameters, 'null'))
  return fits ? known.algorithm : undefined
}

/** One digest for the message and for the mask, a salt as long as the digest, and no trailer but the usual. */
function pssOf(parameters: DerNode | undefined): SignatureAlgorithm | undefined {
  if (!isUniversal(parameters, 'sequence') || parameters.children.length !== 3) return undefined
  const [hash, mask, salt] = parameters.children
  if (!isContext(hash, 0) || !isContext(mask, 1) || !isContext(salt, 2)) return undefined
  const digest = digestOf(hash.children[0])
  const [maskType, maskHash] = mask.children[0]?.children ?? []
  if (digest === undefined || oidOf(maskType) !== OIDS.mgf1 || digestOf(maskHash)?.digest !== digest.digest)
    return undefined
  return integerOf(salt.children[0]) === digest.length ? { key: 'rsa', digest: digest.digest, pss: true } : undefined
}

function digestOf(node: DerNode | undefined): { readonly digest: Digest; readonly length: bigint } | undefined {
  const [type, parameters, ...rest] = node?.children ?? []
  const isPlain = parameters === undefined || isUniversal(parameters, 'null')
  return isPlain && rest.length === 0 ? DIGESTS.get(oidOf(type) ?? '') : undefined
}

/** Whether the key made this signature. A key of another kind than the algorithm's made none. */
export function isSignedBy(key: KeyObject, algorithm: SignatureAlgorithm, signed: Buffer, signature: Buffer): boolean {
  if (key.asymmetricKeyType !== algorithm.key) return false
  if (algorithm.key === 'ed25519') return verify(null, signed, key, signature)
  if (algorithm.key === 'ec') return verify(algorithm.digest, signed, key, signature)
  const padding = algorithm.pss ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST
  return verify(algorithm.digest, signed, { key, padding, ...(algorithm.pss ? { saltLength } : {}) }, signature)
}
