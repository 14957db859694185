import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createHash, X509Certificate } from 'node:crypto'
import type { Authority } from '../../../src/issuance/authority.js'
import { issueCertificate } from '../../../src/issuance/certificate.js'
import { isCertificatePem, readOwnCertificate } from '../../../src/issuance/own-certificate.js'
import { parseCsr } from '../../../src/x509/csr.js'
import { KEY_KINDS, makeAuthority, makeCsr, openWorkbench, type Workbench } from '../../support/openssl.js'

const ID = 'cr_4a000102030405060708090a0b0c0d0e0f'

let benches: Workbench[]
let authority: Authority
let other: Authority
let chain: string

const issueBy = (by: Authority): string => {
  const csr = makeCsr(benches[0]!, 'some', KEY_KINDS['P-256'])
  const parsed = parseCsr(csr)
  if (!parsed.ok) throw new Error(parsed.refusal.detail)
  return issueCertificate({
    id: ID,
    request: parsed.value,
    spiffeId: 'spiffe://errand.example.com/github/74',
    notBefore: by.notBefore,
    notAfter: by.notBefore + 600,
    authority: by,
    provenance: [],
  })
}

beforeAll(() => {
  benches = [openWorkbench(), openWorkbench()]
  authority = makeAuthority(benches[0]!, KEY_KINDS['P-256'])
  // The same name, another key.
  other = makeAuthority(benches[1]!, KEY_KINDS['P-256'])
  chain = issueBy(authority)
})

afterAll(() => {
  for (const bench of benches) bench.close()
})

describe('a certificate of ours, shown as a token', () => {
  test('is read as the chain that was answered, as the certificate alone, and as DER', () => {
    const leaf = new X509Certificate(chain)
    const own = {
      id: ID,
      notBefore: authority.notBefore,
      notAfter: authority.notBefore + 600,
      x5tS256: createHash('sha256').update(leaf.raw).digest('base64url'),
      key: createHash('sha256')
        .update(leaf.publicKey.export({ format: 'der', type: 'spki' }))
        .digest('base64url'),
    }
    for (const shown of [chain, leaf.toString(), leaf.raw, `\n${chain}`])
      expect(readOwnCertificate(shown, [other, authority])).toEqual(own)
  })

  test('is not ours when another authority signed it, of the same name or not, or none that is known', () => {
    expect(readOwnCertificate(chain, [other])).toBeUndefined()
    expect(readOwnCertificate(chain, [])).toBeUndefined()
    expect(readOwnCertificate(issueBy(other), [authority])).toBeUndefined()
  })

  test('is not ours when a bit of it was changed', () => {
    const { raw } = new X509Certificate(chain)
    for (const at of [20, 100, raw.length - 5]) {
      const changed = Buffer.from(raw)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(readOwnCertificate(changed, [authority])).toBeUndefined()
    }
  })

  test('an authority is no credential', () => {
    expect(readOwnCertificate(authority.certificate, [authority])).toBeUndefined()
  })

  test('what is no certificate is none', () => {
    for (const text of ['', 'x', '-----BEGIN CERTIFICATE-----', chain.slice(0, 200)])
      expect(readOwnCertificate(text, [authority])).toBeUndefined()
    expect(isCertificatePem(chain)).toBe(true)
    expect(isCertificatePem('eyJhbGciOiJFUzI1NiJ9.e30.x')).toBe(false)
  })
})
