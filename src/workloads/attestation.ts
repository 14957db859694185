import type { EpochSeconds } from '../runtime/clock.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import type { ParsedCertificate } from '../x509/certificate.js'
import type { ParsedCrl } from '../x509/crl.js'
import { validatePath, type Purpose } from '../x509/path-validation.js'
import type { CertificateName } from './certificate-facts.js'
import { factsOf, isOfTrustDomain } from './certificate-facts.js'
import type { Claims } from './claims.js'
import type { ParsedJws } from './jws.js'
import { readLoneKey, type VerificationKey } from './key-set.js'

/**
 * Attestation JWTs: a JWS by the key of a certificate that it carries in `x5c` (RFC 7515 §4.1.6), whose chain ends in a
 * configured root. The way in for devices, keys in a TPM and private CAs, which have no issuer of tokens.
 *
 * The certificate says who it is, the token only that this was said now and to us. So `sub` must be the certificate's
 * name, and of the claims only the registered ones are kept: everything else is the sender's own word.
 */
export interface AttestationRules {
  readonly roots: readonly ParsedCertificate[]
  /** Absolute. Where there are any, every certificate of a chain needs a fresh list of its issuer. */
  readonly crlFiles: readonly string[]
  readonly purpose: Purpose
  /** Which name `sub` is. */
  readonly subject: CertificateName
}

/** Who must have signed, and what is known of them. */
export interface Attested {
  readonly key: VerificationKey
  readonly claims: Claims
  /** The end of the chain. */
  readonly expiresAt: EpochSeconds
}

export interface AttestationContext {
  /** Ours: what this broker issues attests nobody. */
  readonly trustDomain: string
  readonly now: EpochSeconds
  readonly crls: readonly ParsedCrl[] | undefined
}

/** Nothing else may stand in the header: other parameters point to keys elsewhere (`jku`, `jwk`, `x5u`) or must be understood. */
const HEADER: ReadonlySet<string> = new Set(['alg', 'typ', 'kid', 'x5c'])
const KEPT = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti'] as const

/** The refusal says why, for the log. The signature itself is still to be verified, by the key that is answered. */
export function readAttestation(
  rules: AttestationRules,
  { parameters, claims, alg }: ParsedJws,
  { trustDomain, now, crls }: AttestationContext,
): Result<Attested, string> {
  const strange = Object.keys(parameters).find((name) => !HEADER.has(name))
  if (strange !== undefined) return refuse('header_parameter_not_accepted')
  const chain = readChain(parameters['x5c'])
  if (chain === undefined) return refuse('x5c_malformed')
  const path = validatePath(chain, {
    anchors: rules.roots,
    now,
    purpose: rules.purpose,
    ...(crls === undefined ? {} : { crls }),
  })
  if (!path.ok) return refuse(path.refusal.reason)
  const { leaf, key: leafKey, expiresAt } = path.value
  if (isOfTrustDomain(leaf, trustDomain)) return refuse('certificate_of_this_broker')
  const facts = factsOf(leaf)
  if (facts[rules.subject] === undefined || claims['sub'] !== facts[rules.subject])
    return refuse('certificate_of_another_subject')
  const key = readLoneKey(leafKey.export({ format: 'jwk' }), alg)
  if (key === undefined) return refuse('algorithm_of_another_key')
  const kept = KEPT.filter((claim) => Object.hasOwn(claims, claim)).map((claim) => [claim, claims[claim]] as const)
  return ok({ key, expiresAt, claims: { ...Object.fromEntries(kept), certificate: facts } })
}

/** More than path validation takes. */
const MAX_CHAIN = 16

/** Standard base64, not base64url (RFC 7515 §4.1.6), in its one canonical form. */
function readChain(x5c: unknown): readonly Buffer[] | undefined {
  if (!Array.isArray(x5c) || x5c.length === 0 || x5c.length > MAX_CHAIN) return undefined
  const chain: Buffer[] = []
  for (const text of x5c as readonly unknown[]) {
    if (typeof text !== 'string') return undefined
    const der = Buffer.from(text, 'base64')
    if (der.toString('base64') !== text) return undefined
    chain.push(der)
  }
  return chain
}
