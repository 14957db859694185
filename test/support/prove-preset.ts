import { PRESETS } from '../../src/workloads/presets.js'
import type { PresetName } from '../../src/workloads/source.js'
import type { AssertionRefusal } from '../../src/workloads/assertion-refusal.js'
import { createWorkloadVerifier } from '../../src/workloads/verify-workload.js'
import type { Workload } from '../../src/workloads/workload.js'
import { TEST_EPOCH, turnableClock } from './clock.js'
import { createOfflineIssuer } from './offline-issuer.js'

/** What claims of a preset's issuer come to. `aud`, `exp`, `iat` and `nbf` are added; a member set to `undefined` is left out. */
export interface Proof {
  /** @throws Error when they are refused. */
  workload(claims: Readonly<Record<string, unknown>>): Promise<Workload>
  refusal(claims: Readonly<Record<string, unknown>>): Promise<AssertionRefusal | undefined>
}

/** A source as the configuration fills it, everything from the preset, and an issuer that signs what a test makes up. */
export async function provePreset(preset: PresetName, issuerUrl: string, alg = 'RS256'): Promise<Proof> {
  const issuer = await createOfflineIssuer(issuerUrl, [alg])
  const known = PRESETS.get(preset)
  if (known === undefined) throw new Error(preset)
  const verify = createWorkloadVerifier({
    sources: [
      {
        name: 'source',
        preset,
        issuer: issuer.url,
        audiences: ['errand'],
        require: {},
        owner: 'platform',
        reuse: known.reuse,
        algorithms: known.algorithms,
        leeway: 30,
        keys: {},
        mapping: known.mapping,
      },
    ],
    trustDomain: 'errand.example.com',
    ownIssuer: 'https://errand.example.com',
    clock: turnableClock(),
    keys: issuer.keys,
  })
  const token = (claims: Readonly<Record<string, unknown>>) =>
    issuer.sign({ aud: 'errand', exp: TEST_EPOCH + 300, iat: TEST_EPOCH, nbf: TEST_EPOCH, ...claims }, { alg })
  return {
    workload: async (claims: Readonly<Record<string, unknown>>): Promise<Workload> => {
      const result = await verify(await token(claims))
      if (!result.ok) throw new Error(JSON.stringify(result.refusal))
      return result.value
    },
    refusal: async (claims: Readonly<Record<string, unknown>>): Promise<AssertionRefusal | undefined> => {
      const result = await verify(await token(claims))
      return result.ok ? undefined : result.refusal
    },
  }
}
