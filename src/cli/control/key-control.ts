import type { KeyRing } from '../../issuance/key-ring.js'

/** What `errand keys` does with the key ring: in the broker that runs here, or on its store when none does. */
export type KeyControl = Pick<KeyRing, 'list' | 'rotate'>

/** Who asked, for the evidence. No person of a people source: whoever has the broker's data directory. */
export const BY_COMMAND = 'command-line'

/** In the data directory; whoever may open it may rotate keys, so it is made with mode 0600. */
export const SOCKET_NAME = 'control.sock'
