import type { AuthorityRing } from '../../issuance/authority-ring.js'
import type { KeyRing } from '../../issuance/key-ring.js'

/** What `errand keys` does with the key ring. */
export type KeyControl = Pick<KeyRing, 'list' | 'rotate'>

/** What `errand ca` does with the certificate authorities. */
export type CaControl = Pick<AuthorityRing, 'list' | 'rotate' | 'request' | 'importChain' | 'importCrl'>

/** What commands on the broker's machine may do: in the broker that runs here, or on its store when none does. */
export interface Control {
  readonly keys: KeyControl
  readonly authorities: CaControl
}

/** Who asked, for the evidence. No person of a people source: whoever has the broker's data directory. */
export const BY_COMMAND = 'command-line'

/** In the data directory; whoever may open it may rotate keys, so it is made with mode 0600. */
export const SOCKET_NAME = 'control.sock'

/** Bytes: a chain or a CRL, and nothing larger. */
export const MAX_BODY = 2 * 1024 * 1024
