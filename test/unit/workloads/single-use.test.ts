import { createSecretKey } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ticketClaim } from '../../../src/grants/ticket-claim.js'
import { checkClaims } from '../../../src/workloads/check-claims.js'
import { createDpopNonces } from '../../../src/workloads/dpop-nonce.js'
import { createDpopVerifier } from '../../../src/workloads/dpop.js'
import { parseCertificate, type ParsedCertificate } from '../../../src/x509/certificate.js'
import { OIDS } from '../../../src/x509/oids.js'
import { readAttestation } from '../../../src/workloads/attestation.js'
import * as certs from '../../support/certificates.js'
import { TEST_EPOCH as NOW, turnableClock } from '../../support/clock.js'
import { newDpopKey } from '../../support/dpop.js'

/*
 * What serves once is claimed until a time, and stores remember a claim until that time has passed. So whatever is accepted at some
 * second has a claim that reaches to that second at least, whichever way its end is written.
 */
const time = fc.oneof(fc.nat({ max: 400 }), fc.double({ min: 0, max: 400, noNaN: true })).map((after) => NOW + after)
const second = fc.nat({ max: 500 }).map((after) => NOW - 50 + after)
/** As often as it is accepted at its very last second. */
const around = (end: number) => [Math.ceil(end) - 1, Math.floor(end), Math.floor(end) + 1]

describe('a claim reaches as far as what it uses up is accepted', () => {
  const rules = { audiences: ['us'], otherAudiences: [], leeway: 30 }

  test('assertions, of workloads and of resource servers', () => {
    fc.assert(
      fc.property(time, fc.array(second), (exp, seconds) => {
        for (const now of [...seconds, ...around(exp)]) {
          const checked = checkClaims({ sub: 'a', aud: 'us', exp, jti: 'j' }, rules, now)
          if (checked.ok) expect(checked.value.expiresAt).toBeGreaterThanOrEqual(now)
        }
      }),
    )
  })

  test('attestations, whose certificates end in a second that still counts (RFC 5280 §4.1.2.5)', () => {
    const root = certs.certify({ ca: true, notBefore: NOW - 1000, notAfter: NOW + 10_000 })
    const parsed = (der: Buffer): ParsedCertificate => {
      const certificate = parseCertificate(der)
      if (!certificate.ok) throw new Error(certificate.refusal)
      return certificate.value
    }
    const accepted = new Set<number>()
    fc.assert(
      fc.property(time, fc.nat({ max: 400 }), fc.array(second), (exp, life, seconds) => {
        const notAfter = NOW + life
        const device = certs.certify({ names: [certs.uri('urn:device:7')], notBefore: NOW - 1000, notAfter }, root)
        const chain = [device.der.toString('base64')]
        const claims = { sub: 'urn:device:7', aud: 'us', exp }
        const jws = { parameters: { alg: 'ES256', x5c: chain }, claims, alg: 'ES256' }
        const attestation = {
          roots: [parsed(root.der)],
          crlFiles: [],
          purpose: { extendedKeyUsage: OIDS.clientAuth, stated: false },
          subject: 'uri' as const,
        }
        for (const now of [...seconds, ...around(exp), ...around(notAfter)]) {
          const checked = checkClaims(claims, rules, now)
          const context = { trustDomain: 'us.example.com', now, crls: undefined }
          const attested = readAttestation(attestation, jws as never, context)
          if (!checked.ok || !attested.ok) continue
          accepted.add(notAfter - now)
          expect(Math.min(checked.value.expiresAt, attested.value.expiresAt)).toBeGreaterThanOrEqual(now)
        }
      }),
      { numRuns: 50 },
    )
    // The second in which the certificate ends is among them.
    expect(accepted).toContain(0)
  })

  test('DPoP proofs', async () => {
    const key = newDpopKey()
    let accepted = 0
    const clock = turnableClock(NOW)
    const nonces = createDpopNonces({ key: createSecretKey(Buffer.alloc(32, 1)), clock })
    const verify = createDpopVerifier({ origins: ['https://us.example.com'], clock, nonces })
    await fc.assert(
      fc.asyncProperty(fc.double({ min: -200, max: 200, noNaN: true }), async (ahead) => {
        const iat = clock.now() + ahead
        const url = 'https://us.example.com/token'
        const proof = key.prove({ htm: 'POST', htu: url, iat, nonce: nonces.current() })
        const verified = await verify(proof, { method: 'POST', path: '/token' })
        if (!verified.ok) return
        accepted += 1
        expect(verified.value.use.until).toBeGreaterThanOrEqual(clock.now())
      }),
    )
    expect(accepted).toBeGreaterThan(0)
  })

  test('tickets, which end before the second that they name', () => {
    expect(ticketClaim({ jti: 'tk', exp: NOW + 60 }).until).toBe(NOW + 60)
  })
})
