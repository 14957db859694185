import { hash } from 'node:crypto'
import type { CredentialStanding, IssuanceStore } from '../grants/issuance-store.js'
import type { AuthorityRing } from '../issuance/authority-ring.js'
import type { ListSigner, RootAuthority } from '../issuance/held-authority.js'
import type { Clock, EpochSeconds } from '../runtime/clock.js'
import { Fault } from '../runtime/fault.js'
import { parseCredentialId } from '../runtime/ids.js'
import { parseOcspRequest, type CertId } from '../x509/ocsp-request.js'
import { ocspError, ocspResponse, type CertStatus, type OcspError, type SingleResponse } from '../x509/ocsp-response.js'
import { keyBitsOf, spkiOf } from '../x509/spki.js'
import type { CertificateEnds } from './certificate-ends.js'

/**
 * OCSP (RFC 6960): how a certificate stands in the store at this moment, on every
 * instance alike. Signed by the authority that issued it. A `good` is of a certificate
 * that was issued, and lives; what was never issued is `unknown`.
 */
export interface OcspDeps {
  readonly authorities: Pick<AuthorityRing, 'all' | 'takenBackAt' | 'roots'>
  readonly store: Pick<IssuanceStore, 'look'>
  readonly ends: Pick<CertificateEnds, 'endedAt' | 'follow'>
  readonly clock: Clock
}

export interface OcspAnswer {
  readonly der: Buffer
  /** `answered` is signed; the others say why nothing is said. */
  readonly outcome: 'answered' | OcspError
}

/**
 * Seconds for which an answer may be kept. Verifiers that keep answers (nginx does) learn of an end so much
 * later; without `nextUpdate` some would keep them for ever.
 */
export const OCSP_LIFETIME = 60

export type AnswerOcsp = (request: Uint8Array) => Promise<OcspAnswer>

export function createOcsp({ authorities, store, ends, clock }: OcspDeps): AnswerOcsp {
  const issuerOf = (certId: CertId): ListSigner | undefined =>
    [...authorities.all(), ...authorities.roots()].find((signer) => isOf(certId, signer))

  async function statusOf(certId: CertId, issuer: ListSigner, now: EpochSeconds): Promise<CertStatus> {
    const root = authorities.roots().find(({ id }) => id === issuer.id)
    if (root !== undefined) return statusBelow(root, certId)
    // Whoever has its key writes certificates under serial numbers that live: good is said of none.
    const takenBackAt = authorities.takenBackAt(issuer.id)
    if (takenBackAt !== undefined) return { revokedAt: takenBackAt }
    const id = parseCredentialId(`cr_${certId.serial.toString('hex')}`)
    const standing = id && (await store.look(id, now))
    // The id of a JWT, or of what another authority signed, is no certificate of this one.
    if (standing?.credential.certificate?.authority !== issuer.id) return 'unknown'
    if (standing.live) return 'good'
    const { id: known, expiresAt } = standing.credential
    const endedAt = ends.endedAt(issuer.id, known)
    if (endedAt !== undefined) return { revokedAt: endedAt }
    // Expired, and not known to have ended before: nobody believes it either way.
    if (expiresAt <= now && !hasEnded(standing)) return 'unknown'
    // It ended a moment ago: the feed has when. A second look does not make it less revoked.
    await ends.follow().catch(() => undefined)
    return { revokedAt: ends.endedAt(issuer.id, known) ?? now }
  }

  return async (bytes) => {
    const request = parseOcspRequest(bytes)
    if (!request.ok) return failed('malformedRequest')
    const { certIds, nonce } = request.value
    const signer = certIds.map(issuerOf).find((issuer) => issuer !== undefined)
    if (signer === undefined) return failed('unauthorized')
    const now = clock.now()
    try {
      const responses = await Promise.all(
        certIds.map(async (certId): Promise<SingleResponse> => {
          // One signature, so one authority: of others nothing is said (RFC 6960 §2.2).
          const status = isOf(certId, signer) ? await statusOf(certId, signer, now) : 'unknown'
          return { certId: certId.der, status }
        }),
      )
      const content = { responses, producedAt: now, nextUpdate: now + OCSP_LIFETIME, nonce }
      return { der: ocspResponse(content, signer.privateKey), outcome: 'answered' }
    } catch (error) {
      if (error instanceof Fault && error.code === 'store_unavailable') return failed('tryLater')
      throw error
    }
  }
}

const failed = (error: OcspError): OcspAnswer => ({ der: ocspError(error), outcome: error })

const hasEnded = ({ task }: CredentialStanding): boolean => task.state !== 'open'

/** Our issuing authorities, as their root sees them. */
function statusBelow({ revoked, issued }: RootAuthority, certId: CertId): CertStatus {
  const serial = certId.serial.toString('hex')
  const takenBack = revoked.find((entry) => entry.serial === serial)
  if (takenBack !== undefined) return { revokedAt: takenBack.at }
  return issued.includes(serial) ? 'good' : 'unknown'
}

interface Names {
  readonly name: Buffer
  readonly key: Buffer
}

const names = new WeakMap<Buffer, Record<'sha1' | 'sha256', Names>>()

/**
 * Whether the certificate asked for is said to be of this authority. SHA-1 names an issuer here, and proves nothing.
 */
function isOf({ digest, issuerNameHash, issuerKeyHash }: CertId, signer: ListSigner): boolean {
  if (digest === undefined) return false
  const { name, key } = namesOf(signer)[digest]
  return name.equals(issuerNameHash) && key.equals(issuerKeyHash)
}

function namesOf({ certificate, subject, privateKey }: ListSigner): Record<'sha1' | 'sha256', Names> {
  const known = names.get(certificate)
  if (known !== undefined) return known
  const bits = keyBitsOf(spkiOf(privateKey))
  const by = (digest: 'sha1' | 'sha256') => ({
    name: hash(digest, subject, 'buffer'),
    key: hash(digest, bits, 'buffer'),
  })
  const made = { sha1: by('sha1'), sha256: by('sha256') }
  names.set(certificate, made)
  return made
}
