import { sha256Base64url } from '../runtime/digest.js'
import type { VerificationKey } from './key-set.js'
import type { ParsedJws } from './jws.js'

/**
 * Signatures that were found good, of assertions that may be shown again (`reuse`): a pod shows the same file at each
 * exchange, poll and heartbeat, and the signature is what costs. Only the signature is remembered, together with the very
 * key that verified it: times, claims and the issuer's keys are looked at each time, and a key set that was fetched anew
 * forgets what the old one verified.
 */
export interface SignatureMemory {
  verify(key: VerificationKey, assertion: string, jws: ParsedJws): Promise<boolean>
}

const MAX_REMEMBERED = 10_000

export function createSignatureMemory(): SignatureMemory {
  const good = new Map<string, VerificationKey>()
  return {
    verify: async (key, assertion, { signingInput, signature }) => {
      const name = sha256Base64url(assertion)
      if (good.get(name) === key) return true
      if (!(await key.verify(signingInput, signature))) return false
      if (good.size >= MAX_REMEMBERED) good.clear()
      good.set(name, key)
      return true
    },
  }
}
