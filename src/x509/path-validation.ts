import type { KeyObject } from 'node:crypto'
import type { EpochSeconds } from '../runtime/clock.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { parseCertificate, type ParsedCertificate } from './certificate.js'
import type { ParsedCrl } from './crl.js'
import { allows, constrainedNames, type NameConstraints } from './name-constraints.js'
import { isSameName } from './name.js'
import { OIDS } from './oids.js'
import { keyOf } from './certificate-key.js'
import { isSignedBy } from './signature.js'

/**
 * Certification path validation (RFC 5280 §6.1) for a chain that comes in order, the leaf first, as `x5c` (RFC 7515 §4.1.6)
 * and TLS (RFC 8446 §4.4.2) send it. No path is searched for: every certificate certifies the one before it, and an anchor the
 * last one. So there are no loops and no cross-signed mazes, and the work is bounded by the length of the chain.
 *
 * Stricter than the RFC: MD5, SHA-1, DSA and weak keys are refused; the leaf is no CA; what an anchor's own certificate says
 * (validity, path length, names) holds below it (RFC 5937 §3); purposes of a CA hold below it. Policies are not processed:
 * a critical policy extension is one that is not understood.
 */
export function validatePath(chain: readonly Uint8Array[], rules: PathRules): Result<ValidatedPath, PathRefusal> {
  if (chain.length === 0) return refuse({ reason: 'path_empty', at: 0 })
  if (chain.length > MAX_CERTIFICATES) return refuse({ reason: 'path_too_long', at: MAX_CERTIFICATES })
  const parsed: ParsedCertificate[] = []
  for (const [at, der] of chain.entries()) {
    const certificate = parseCertificate(der)
    if (!certificate.ok) return refuse({ reason: 'certificate_malformed', at, detail: certificate.refusal })
    parsed.push(certificate.value)
  }
  const last = parsed.at(-1)
  const sent = rules.anchors.find(({ der }) => last?.der.equals(der))
  // The anchor may be sent along; it proves nothing by that.
  const path = sent === undefined ? parsed : parsed.slice(0, -1)
  const top = path.at(-1)
  if (top === undefined) return refuse({ reason: 'path_without_anchor', at: 0 })
  const anchors = rules.anchors.filter(({ subject }) => isSameName(subject, top.issuer)).slice(0, MAX_ANCHORS_TRIED)
  let refusal: PathRefusal = { reason: 'path_without_anchor', at: path.length - 1 }
  for (const anchor of sent === undefined ? anchors : [sent]) {
    const validated = validateBelow(anchor, path, rules)
    if (validated.ok) return validated
    // Of several anchors of one name, the one whose key it is has the better reason.
    if (validated.refusal.reason !== 'path_without_anchor') refusal = validated.refusal
  }
  return refuse(refusal)
}

export interface PathRules {
  /** Certificates of CAs that are believed, checked by `checkAnchor`. */
  readonly anchors: readonly ParsedCertificate[]
  readonly now: EpochSeconds
  /** What the leaf's key must be for. */
  readonly purpose: Purpose
  /** Where there are any, each certificate of the path needs one of its issuer that is fresh and does not name it. */
  readonly crls?: readonly ParsedCrl[]
}

/** `stated`: the leaf must say so itself; else one that says nothing is for everything (RFC 5280 §4.2.1.12). */
export interface Purpose {
  readonly extendedKeyUsage: string
  readonly stated: boolean
}

export interface ValidatedPath {
  readonly leaf: ParsedCertificate
  readonly key: KeyObject
  /** The end of whatever ends first: leaf, CAs, anchor. */
  readonly expiresAt: EpochSeconds
}

/** `at`: the position in the chain, 0 the leaf. */
export interface PathRefusal {
  readonly reason: PathRefusalReason
  readonly at: number
  readonly detail?: string
}

export type PathRefusalReason =
  | 'path_empty'
  | 'path_too_long'
  /** The last certificate is of no anchor. */
  | 'path_without_anchor'
  | 'certificate_malformed'
  | 'certificate_not_yet_valid'
  | 'certificate_expired'
  /** The next certificate is not its issuer's. */
  | 'certificate_issuer_mismatch'
  | 'certificate_signature_invalid'
  /** Its algorithm is unknown or weak. */
  | 'certificate_algorithm_not_allowed'
  | 'certificate_key_not_allowed'
  | 'certificate_extension_unknown'
  | 'certificate_not_a_ca'
  | 'certificate_path_length_exceeded'
  | 'certificate_key_usage'
  | 'certificate_purpose'
  | 'certificate_name_not_permitted'
  | 'certificate_revoked'
  | 'certificate_status_unknown'
  | 'leaf_is_a_ca'

/** Leaf and CAs, without the anchor that may follow: what is built in practice has three at most. */
const MAX_CERTIFICATES = 8
/** Several have one name while a root is replaced. */
const MAX_ANCHORS_TRIED = 8

/** Why a certificate cannot be an anchor; `undefined` when it can. Its time is looked at when it is used. */
export function checkAnchor(certificate: ParsedCertificate): PathRefusalReason | undefined {
  if (certificate.basicConstraints?.ca !== true) return 'certificate_not_a_ca'
  if (certificate.keyUsage?.has('keyCertSign') === false) return 'certificate_key_usage'
  if (certificate.unknownCritical.length > 0) return 'certificate_extension_unknown'
  return keyOf(certificate) === undefined ? 'certificate_key_not_allowed' : undefined
}

/** What RFC 5280 §6.1.2 carries from one certificate to the next below it. */
interface State {
  readonly issuer: ParsedCertificate
  readonly key: KeyObject
  readonly constraints: readonly NameConstraints[]
  /** How many CAs that are not self-issued may still come. */
  readonly pathLength: number
  readonly expiresAt: EpochSeconds
}

function validateBelow(
  anchor: ParsedCertificate,
  path: readonly ParsedCertificate[],
  rules: PathRules,
): Result<ValidatedPath, PathRefusal> {
  const key = keyOf(anchor)
  const unfit = checkAnchor(anchor) ?? timeRefusal(anchor, rules.now)
  if (unfit !== undefined || key === undefined)
    return refuse({ reason: unfit ?? 'certificate_key_not_allowed', at: path.length })
  let state: State = {
    issuer: anchor,
    key,
    constraints: anchor.nameConstraints === undefined ? [] : [anchor.nameConstraints],
    pathLength: anchor.basicConstraints?.pathLength ?? MAX_CERTIFICATES,
    expiresAt: anchor.notAfter,
  }
  for (let at = path.length - 1; at > 0; at--) {
    const certificate = path[at]
    if (certificate === undefined) break
    const reason = checkOne(certificate, state, rules, at === path.length - 1) ?? checkCa(certificate, state, rules)
    if (reason !== undefined) return refuse({ reason, at })
    const next = below(certificate, state)
    if (next === undefined) return refuse({ reason: 'certificate_key_not_allowed', at })
    state = next
  }
  const [leaf] = path
  if (leaf === undefined) return refuse({ reason: 'path_empty', at: 0 })
  const reason = checkOne(leaf, state, rules, path.length === 1) ?? checkNames(leaf, state) ?? checkLeaf(leaf, rules)
  if (reason !== undefined) return refuse({ reason, at: 0 })
  const leafKey = keyOf(leaf)
  if (leafKey === undefined) return refuse({ reason: 'certificate_key_not_allowed', at: 0 })
  return ok({ leaf, key: leafKey, expiresAt: Math.min(state.expiresAt, leaf.notAfter) })
}

/** §6.1.3 (a), and critical extensions (§6.1.4 (o), §6.1.5 (f)). What costs least comes first. */
function checkOne(
  certificate: ParsedCertificate,
  state: State,
  rules: PathRules,
  isTop: boolean,
): PathRefusalReason | undefined {
  if (!isSameName(certificate.issuer, state.issuer.subject)) return 'certificate_issuer_mismatch'
  const time = timeRefusal(certificate, rules.now)
  if (time !== undefined) return time
  if (certificate.unknownCritical.length > 0) return 'certificate_extension_unknown'
  if (certificate.algorithm === undefined) return 'certificate_algorithm_not_allowed'
  if (!isSignedBy(state.key, certificate.algorithm, certificate.tbs, certificate.signature))
    return isTop ? 'path_without_anchor' : 'certificate_signature_invalid'
  return rules.crls === undefined ? undefined : checkStatus(certificate, state, rules.crls, rules.now)
}

function timeRefusal({ notBefore, notAfter }: ParsedCertificate, now: EpochSeconds): PathRefusalReason | undefined {
  if (now < notBefore) return 'certificate_not_yet_valid'
  // notAfter itself still counts (§4.1.2.5).
  return now > notAfter ? 'certificate_expired' : undefined
}

/** §6.1.3 (b) and (c). */
function checkNames(certificate: ParsedCertificate, { constraints }: State): PathRefusalReason | undefined {
  if (constraints.length === 0) return undefined
  const names = constrainedNames({ subject: certificate.subject, names: certificate.subjectAltNames })
  return names.every((name) => constraints.every((constraint) => allows(constraint, name)))
    ? undefined
    : 'certificate_name_not_permitted'
}

/** A CA of the same name as its issuer: keys are rolled over by these, and they do not count. */
const isSelfIssued = ({ issuer, subject }: ParsedCertificate): boolean => isSameName(issuer, subject)

/** §6.1.4 (k) to (n), and what a CA's own purposes say of those below it. */
function checkCa(certificate: ParsedCertificate, state: State, rules: PathRules): PathRefusalReason | undefined {
  if (certificate.basicConstraints?.ca !== true) return 'certificate_not_a_ca'
  if (certificate.keyUsage?.has('keyCertSign') === false) return 'certificate_key_usage'
  if (!isSelfIssued(certificate)) {
    if (state.pathLength <= 0) return 'certificate_path_length_exceeded'
    const refusal = checkNames(certificate, state)
    if (refusal !== undefined) return refusal
  }
  return serves(certificate, { ...rules.purpose, stated: false }) ? undefined : 'certificate_purpose'
}

/** §6.1.4 (a) to (m): what holds from here on. */
function below(certificate: ParsedCertificate, state: State): State | undefined {
  const key = keyOf(certificate)
  if (key === undefined) return undefined
  const left = isSelfIssued(certificate) ? state.pathLength : state.pathLength - 1
  return {
    issuer: certificate,
    key,
    constraints:
      certificate.nameConstraints === undefined
        ? state.constraints
        : [...state.constraints, certificate.nameConstraints],
    pathLength: Math.min(left, certificate.basicConstraints?.pathLength ?? left),
    expiresAt: Math.min(state.expiresAt, certificate.notAfter),
  }
}

/** Whoever could issue certificates could be anybody below it, so a CA proves nobody. */
function checkLeaf(leaf: ParsedCertificate, { purpose }: PathRules): PathRefusalReason | undefined {
  if (leaf.basicConstraints?.ca === true || leaf.keyUsage?.has('keyCertSign') === true) return 'leaf_is_a_ca'
  if (leaf.nameConstraints !== undefined) return 'leaf_is_a_ca'
  if (leaf.keyUsage?.has('digitalSignature') === false) return 'certificate_key_usage'
  return serves(leaf, purpose) ? undefined : 'certificate_purpose'
}

function serves({ extendedKeyUsage }: ParsedCertificate, purpose: Purpose): boolean {
  if (extendedKeyUsage === undefined) return !purpose.stated
  if (extendedKeyUsage.includes(purpose.extendedKeyUsage)) return true
  return !purpose.stated && extendedKeyUsage.includes(OIDS.anyExtendedKeyUsage)
}

/** §6.3.3 for complete lists, signed by the very key that signed the certificate. A list that cannot be used says nothing, and no list refuses. */
function checkStatus(
  certificate: ParsedCertificate,
  { issuer, key }: State,
  crls: readonly ParsedCrl[],
  now: EpochSeconds,
): PathRefusalReason | undefined {
  if (issuer.keyUsage?.has('cRLSign') === false) return 'certificate_status_unknown'
  const usable = crls.filter(
    (crl) =>
      isSameName(crl.issuer, certificate.issuer) &&
      crl.thisUpdate <= now &&
      now < crl.nextUpdate &&
      crl.unknownCritical.length === 0 &&
      isListOf(crl, issuer, key),
  )
  if (usable.some((crl) => crl.revoked.has(certificate.serialNumber))) return 'certificate_revoked'
  return usable.length === 0 ? 'certificate_status_unknown' : undefined
}

/** Lists may be long and are asked about often: which issuers' keys have signed one is remembered with it. */
const signersOf = new WeakMap<ParsedCrl, Set<string>>()

function isListOf(crl: ParsedCrl, issuer: ParsedCertificate, key: KeyObject): boolean {
  const signers = signersOf.get(crl) ?? new Set()
  const name = issuer.spki.toString('base64')
  if (signers.has(name)) return true
  if (crl.algorithm === undefined || !isSignedBy(key, crl.algorithm, crl.tbs, crl.signature)) return false
  signersOf.set(crl, signers.add(name))
  return true
}
