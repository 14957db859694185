import type { AuthorityRing } from '../issuance/authority-ring.js'
import { createPolling, type Polling } from '../issuance/polling.js'
import { createCertificateEnds } from '../revocation/certificate-ends.js'
import { createCrls, type Crls } from '../revocation/crl.js'
import { createOcsp, type AnswerOcsp } from '../revocation/ocsp.js'
import type { Base } from './base.js'
import type { Acknowledged } from './open-stores.js'

/** Telling verifiers which certificates have ended. */
export interface Pki {
  readonly crls: Crls
  readonly ocsp: AnswerOcsp
  /** Looks for ends of other instances. */
  readonly polling: Polling
}

const FOLLOW_EVERY_MS = 500

export function wirePki({ stores, clock, log }: Base, authorities: AuthorityRing, acknowledged: Acknowledged): Pki {
  const ends = createCertificateEnds({ store: stores.certificates, clock })
  const crls = createCrls({ authorities, ends, acknowledged: acknowledged.ends, clock })
  return {
    crls,
    ocsp: createOcsp({ authorities, store: stores.issuance, ends, clock }),
    polling: createPolling(
      FOLLOW_EVERY_MS,
      () => crls.follow(),
      (error) => {
        log.warn('certificate_ends_not_read', { error })
      },
    ),
  }
}
