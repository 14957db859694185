import { beforeEach, describe, expect, test } from '@jest/globals'
import { ok } from '../../../src/runtime/result.js'
import type { VerificationKey } from '../../../src/workloads/key-set.js'
import type { Reuse } from '../../../src/workloads/workload.js'
import { createWorkloadVerifier } from '../../../src/workloads/verify-workload.js'
import type { TurnableClock } from '../../support/clock.js'
import { TEST_EPOCH, turnableClock } from '../../support/clock.js'
import type { OfflineIssuer } from '../../support/offline-issuer.js'
import { createOfflineIssuer } from '../../support/offline-issuer.js'

let issuer: OfflineIssuer
let clock: TurnableClock
let verifications: number
let key: VerificationKey

/** The issuer's key, counted; a new one stands for a key set that was fetched anew. */
async function countedKey(): Promise<VerificationKey> {
  const real = await issuer.keys.find({ issuer: issuer.url, keys: {} }, 'ES256', 'kid-ES256')
  if (!real.ok) throw new Error(real.refusal)
  return {
    alg: 'ES256',
    verify: (signingInput, signature) => {
      verifications++
      return real.value.verify(signingInput, signature)
    },
  }
}

beforeEach(async () => {
  issuer = await createOfflineIssuer('https://cluster.example.com')
  clock = turnableClock()
  verifications = 0
  key = await countedKey()
})

function verdictsWith(reuse: Reuse) {
  const verify = createWorkloadVerifier({
    sources: [
      {
        name: 'cluster',
        preset: 'generic',
        issuer: issuer.url,
        audiences: ['errand'],
        require: {},
        owner: 'platform',
        reuse,
        algorithms: ['ES256'],
        leeway: 30,
        keys: {},
        mapping: { anchor: 'sub', segments: [], sealed: [], delegate: [] },
      },
    ],
    trustDomain: 'errand.example.com',
    ownIssuer: 'https://errand.example.com',
    clock,
    keys: { ...issuer.keys, find: () => Promise.resolve(ok(key)) },
  })
  return async (token: string): Promise<string> => {
    const result = await verify(token)
    return result.ok ? 'believed' : result.refusal.reason
  }
}
const token = () => issuer.sign({ sub: 'pod', aud: 'errand', exp: TEST_EPOCH + 60 })

describe('an assertion that is shown again', () => {
  test.each(['task', 'until_expiry'] as const)('with reuse %s has its signature verified once', async (reuse) => {
    const verdict = verdictsWith(reuse)
    const shown = await token()
    expect([await verdict(shown), await verdict(shown)]).toEqual(['believed', 'believed'])
    expect(verifications).toBe(1)
  })

  test('with reuse once it is verified each time', async () => {
    const verdict = verdictsWith('once')
    const shown = await token()
    await verdict(shown)
    await verdict(shown)
    expect(verifications).toBe(2)
  })

  test('expires all the same', async () => {
    const verdict = verdictsWith('until_expiry')
    const shown = await token()
    await verdict(shown)
    clock.advance(60)
    expect(await verdict(shown)).toBe('assertion_expired')
  })

  test('with another signature is another assertion', async () => {
    const verdict = verdictsWith('until_expiry')
    const shown = await token()
    await verdict(shown)
    const forged = `${shown.slice(0, shown.lastIndexOf('.'))}.${Buffer.alloc(64, 1).toString('base64url')}`
    expect(await verdict(forged)).toBe('assertion_signature_invalid')
    expect(await verdict(forged)).toBe('assertion_signature_invalid')
    expect(verifications).toBe(3)
  })

  test('is verified anew when its key was fetched anew', async () => {
    const verdict = verdictsWith('until_expiry')
    const shown = await token()
    await verdict(shown)
    key = { alg: 'ES256', verify: () => Promise.resolve(false) }
    expect(await verdict(shown)).toBe('assertion_signature_invalid')
    key = await countedKey()
    expect(await verdict(shown)).toBe('believed')
    expect(verifications).toBe(2)
  })
})
