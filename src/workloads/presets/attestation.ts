import { pickText } from '../claims.js'
import type { Preset } from './preset.js'
import { readable } from './preset.js'

/**
 * Attestation JWTs (`attestation.ts`): devices, keys in a TPM, private CAs. `sub` is the name in the certificate, and the
 * anchor; `/certificate/…` in `require` speaks of the certificate. A device has no runs, so every request must send `task`.
 */
export const attestation: Preset = {
  name: 'attestation',
  mapping: { anchor: 'sub', segments: [], sealed: [], delegate: [] },
  mappingIsConfigurable: false,
  // Whoever has the key can make another one at any time.
  reuse: 'once',
  algorithms: ['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA', 'Ed25519'],
  maxAge: 300,
  starterIsUnknown: () => false,
  describe: (claims) => {
    const organization = pickText(claims, '/certificate/organization')
    const subject = pickText(claims, 'sub') ?? 'a device'
    return readable(organization === undefined ? subject : `${subject} of ${organization}`)
  },
  referenceTo: () => undefined,
}
