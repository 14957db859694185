import type { Authority } from '../issuance/authority.js'
import { readOwnCertificate } from '../issuance/own-certificate.js'
import { liveStanding, type IntrospectDeps } from './introspect.js'

export interface HasEndedDeps extends Pick<IntrospectDeps, 'store' | 'safe' | 'clock'> {
  /** All that may have signed one that has not expired. */
  readonly authorities: () => readonly Authority[]
}

/**
 * Whether this broker issued a certificate, DER, that lives no more: what TLS believes until it expires. One
 * of somebody else's has not ended as far as is known here.
 * @throws Fault `store_unavailable`
 */
export const createHasEnded =
  ({ authorities, clock, ...deps }: HasEndedDeps): ((certificate: Buffer) => Promise<boolean>) =>
  async (certificate) => {
    const own = readOwnCertificate(certificate, authorities())
    return own !== undefined && (await liveStanding(deps, own.id, clock.now())) === undefined
  }
