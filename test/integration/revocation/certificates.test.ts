import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { readFileSync, writeFileSync } from 'node:fs'
import { issueCertificate } from '../../../src/issuance/certificate.js'
import { buildCsr } from '../../../src/x509/build-csr.js'
import { parseCsr } from '../../../src/x509/csr.js'
import { startBroker, type TestBroker } from '../../support/broker.js'
import { certifying, complete, relyingParty, type RelyingParty } from '../../support/certified.js'

describe('certificates, to those who check them', () => {
  let broker: TestBroker
  let party: RelyingParty
  beforeAll(async () => {
    broker = await startBroker({ config: (base) => ({ ...certifying(base), pki: { url: 'http://127.0.0.1:1' } }) })
    party = relyingParty()
  })
  afterAll(async () => {
    party.remove()
    await broker.stop()
  })

  test('openssl verify accepts a live one, with a CRL for every authority, and refuses it once its task is complete', async () => {
    const certified = await party.certify(broker, 'shop')
    await party.fetch(broker)
    expect(await party.verify('shop')).toEqual({ ok: true, said: 'shop.pem: OK\n' })
    await complete(broker, certified)
    await party.fetch(broker)
    const after = await party.verify('shop')
    expect(after.ok).toBe(false)
    expect(after.said).toContain('certificate revoked')
  })

  test('openssl crl reads the list, and its entry is the serial number of the certificate alone', async () => {
    const certified = await party.certify(broker, 'listed')
    const { id } = broker.broker.authorities.current()
    await complete(broker, certified)
    const der = Buffer.from(await (await fetch(`${broker.url}/crl/${id}`)).arrayBuffer())
    writeFileSync(party.file('issuing.crl'), der)
    await party.fetch(broker)
    const read = await party.run(
      'openssl',
      'crl',
      '-inform',
      'DER',
      '-in',
      'issuing.crl',
      '-noout',
      '-text',
      '-CAfile',
      'ca.pem',
    )
    expect(read.said).toContain('verify OK')
    expect(read.said).toContain(`Serial Number: ${certified.serial.toUpperCase()}`)
  })

  test('certtool --verify-chain accepts the chain, and --verify-crl the list', async () => {
    await party.certify(broker, 'chained')
    await party.fetch(broker)
    const chain = readFileSync(party.file('chained.chain.pem'), 'utf8') + readFileSync(party.file('root.pem'), 'utf8')
    writeFileSync(party.file('whole.pem'), chain)
    const verified = await party.run('certtool', '--verify-chain', '--infile', 'whole.pem')
    expect(verified.said).toContain('Chain verification output: Verified.')
    const lists = readFileSync(party.file('crls.pem'), 'utf8').split(/(?=-----BEGIN X509 CRL)/)
    writeFileSync(party.file('first.crl'), lists[0] ?? '')
    const list = await party.run(
      'certtool',
      '--verify-crl',
      '--load-ca-certificate',
      'issuing.pem',
      '--infile',
      'first.crl',
    )
    expect(list.said).toContain('Verification output: Verified.')
  })

  test('RFC 6960, RFC 9654: openssl ocsp gets good with its nonce, and revoked once the task is complete', async () => {
    const certified = await party.certify(broker, 'asked')
    await party.fetch(broker)
    const good = await party.ocsp(broker, 'asked', '-nonce')
    expect(good.said).toContain('Response verify OK')
    expect(good.said).toContain('asked.pem: good')
    expect(good.said).not.toContain('nonce')
    await complete(broker, certified)
    const revoked = await party.ocsp(broker, 'asked', '-nonce', '-sha256')
    expect(revoked.said).toContain('Response verify OK')
    expect(revoked.said).toContain('asked.pem: revoked')
  })

  test('RFC 6960 §2.2: what was never issued is unknown, and a JWT is no certificate', async () => {
    await party.certify(broker, 'known')
    await party.fetch(broker)
    const unknown = await party.run(
      'openssl',
      'ocsp',
      '-issuer',
      'issuing.pem',
      '-serial',
      `0x41${'ab'.repeat(16)}`,
      '-CAfile',
      'root.pem',
      '-verify_other',
      'issuing.pem',
      '-url',
      `${broker.url}/ocsp`,
    )
    expect(unknown.said).toContain('Response verify OK')
    expect(unknown.said).toMatch(/0x41(ab){16}: unknown/)
  })

  test('the root answers for the issuing authority', async () => {
    await party.fetch(broker)
    const answer = await party.run(
      'openssl',
      'ocsp',
      '-issuer',
      'root.pem',
      '-cert',
      'issuing.pem',
      '-CAfile',
      'root.pem',
      '-url',
      `${broker.url}/ocsp`,
    )
    expect(answer.said).toContain('Response verify OK')
    expect(answer.said).toContain('issuing.pem: good')
  })

  /* Whoever has the key of an authority writes certificates for keys of their own, under serial numbers that live. */
  test('an authority whose key has leaked is believed of nobody: what it signed is not active, and OCSP says revoked', async () => {
    const certified = await party.certify(broker, 'before')
    const leaked = broker.broker.authorities.current()
    const mine = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    const request = parseCsr(buildCsr(mine))
    if (!request.ok) throw new Error(request.refusal.detail)
    const now = Math.floor(Date.now() / 1000)
    const forged = issueCertificate({
      id: `cr_${certified.serial}`,
      request: request.value,
      spiffeId: 'spiffe://errand.test/ci/forged',
      notBefore: now - 30,
      notAfter: now + 600,
      authority: leaked,
      provenance: [],
    })
    writeFileSync(party.file('forged.pem'), forged)
    await party.fetch(broker)
    const before = readFileSync(party.file('before.pem'), 'utf8')
    const isActive = async (token: string): Promise<unknown> => {
      const basic = { Authorization: `Basic ${btoa(`deploy-api:${broker.secret}`)}` }
      return (await broker.post('/introspect', { token }, basic)).body['active']
    }
    expect([await isActive(before), (await party.ocsp(broker, 'before')).said]).toEqual([
      true,
      expect.stringContaining('before.pem: good'),
    ])
    expect(await isActive(forged)).toBe(false)

    await broker.broker.authorities.rotate('a test', { atOnce: true, leaked: true })
    expect([await isActive(before), await isActive(forged)]).toEqual([false, false])
    expect((await party.ocsp(broker, 'before')).said).toContain('before.pem: revoked')
    expect((await party.ocsp(broker, 'forged')).said).toContain('forged.pem: revoked')
    // By the next authority all goes on.
    await party.certify(broker, 'after')
    expect(await isActive(readFileSync(party.file('after.pem'), 'utf8'))).toBe(true)
  })
})
