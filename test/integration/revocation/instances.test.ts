import { afterEach, describe, expect, test } from '@jest/globals'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseCrl } from '../../../src/x509/crl.js'
import { fromPem } from '../../../src/x509/pem.js'
import { freePort } from '../../harness/kit/free-port.mjs'
import { startBroker, type TestBroker } from '../../support/broker.js'
import { certifying, complete, relyingParty, type RelyingParty } from '../../support/certified.js'
import { turnableClock } from '../../support/clock.js'
import { startRedis, type RedisServer } from '../../support/redis-server.js'

const undo: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const one of undo.splice(0).reverse()) await one()
})
const party = (): RelyingParty => {
  const made = relyingParty()
  undo.push(() => {
    made.remove()
  })
  return made
}
const start = async (options: Parameters<typeof startBroker>[0] = {}): Promise<TestBroker> => {
  const broker = await startBroker({ config: certifying, ...options })
  undo.push(() => broker.stop())
  return broker
}
const redis = async (): Promise<RedisServer> => {
  const server = await startRedis()
  undo.push(() => server.stop())
  return server
}

/** Serial numbers on the list of the authority that signs now; the status where there is none. */
async function revokedAt(
  broker: TestBroker,
  id = broker.broker.authorities.current().id,
): Promise<ReadonlySet<string> | number> {
  const answer = await fetch(`${broker.url}/crl/${id}`)
  if (answer.status !== 200) return answer.status
  const parsed = parseCrl(Buffer.from(await answer.arrayBuffer()))
  if (!parsed.ok) throw new Error(parsed.refusal)
  return parsed.value.revoked
}

describe('two brokers on one Redis', () => {
  test('have one authority, and each sees within a second what ended at the other', async () => {
    const server = await redis()
    const one = await start({ store: { url: server.url } })
    const other = await start({ store: { url: server.url }, share: one })
    expect(other.broker.authorities.current().id).toBe(one.broker.authorities.current().id)
    const relying = party()
    const certified = await relying.certify(one, 'shop')
    expect(await revokedAt(other)).toEqual(new Set())
    await complete(one, certified)
    expect(await revokedAt(one)).toEqual(new Set([certified.serial]))
    const ended = Date.now()
    while (!((await revokedAt(other)) as ReadonlySet<string>).has(certified.serial)) {
      if (Date.now() - ended > 60_000) throw new Error('it was not seen')
      await sleep(20)
    }
    // A second, and what a slow machine adds.
    expect(Date.now() - ended).toBeLessThan(20_000)
    // OCSP asks the store: at once, everywhere.
    await relying.fetch(other)
    expect((await relying.ocsp(other, 'shop', '-nonce')).said).toContain('shop.pem: revoked')
  })

  test('while Redis is away the last list is served until it runs out, and OCSP says tryLater', async () => {
    const server = await redis()
    const clock = turnableClock(Math.floor(Date.now() / 1000))
    const broker = await start({ store: { url: server.url }, clock })
    const relying = party()
    const certified = await relying.certify(broker, 'shop')
    await complete(broker, certified)
    await relying.fetch(broker)
    expect(await revokedAt(broker)).toEqual(new Set([certified.serial]))
    await server.kill()
    clock.advance(400)
    expect(await revokedAt(broker)).toEqual(new Set([certified.serial]))
    expect((await relying.ocsp(broker, 'shop')).said).toContain('trylater')
    clock.advance(200)
    expect(await revokedAt(broker)).toBe(503)
    await server.restart()
    let served = await revokedAt(broker)
    for (let tries = 0; served === 503 && tries < 600; tries += 1) {
      await sleep(100)
      clock.advance(1)
      served = await revokedAt(broker)
    }
    expect(served).toEqual(new Set([certified.serial]))
  })
})

describe('one broker', () => {
  test('after a restart the list has what ended before, and the certificates of before verify', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'errand-restart-'))
    undo.push(() => {
      rmSync(directory, { recursive: true, force: true })
    })
    const store = { url: `embedded:${directory}` }
    const first = await start({ store })
    const relying = party()
    const [ended, live] = [await relying.certify(first, 'ended'), await relying.certify(first, 'live')]
    await complete(first, ended)
    const before = first.broker.authorities.current().id
    await first.broker.stop()
    const second = await start({ store, share: first })
    expect(second.broker.authorities.current().id).toBe(before)
    expect(await revokedAt(second)).toEqual(new Set([ended.serial]))
    await relying.fetch(second)
    expect((await relying.verify(live.name)).said).toBe('live.pem: OK\n')
    expect((await relying.verify(ended.name)).said).toContain('certificate revoked')
  })

  test('a rotation changes nothing for what was signed before: it verifies, and is revoked by the list of its authority', async () => {
    const broker = await start()
    const relying = party()
    const old = await relying.certify(broker, 'old')
    const before = broker.broker.authorities.current().id
    await broker.broker.authorities.rotate('dana', { atOnce: true, leaked: false })
    const young = await relying.certify(broker, 'young')
    await relying.fetch(broker)
    expect((await relying.verify(old.name)).said).toBe('old.pem: OK\n')
    expect((await relying.verify(young.name)).said).toBe('young.pem: OK\n')
    await complete(broker, old)
    expect(await revokedAt(broker)).toEqual(new Set())
    expect(await revokedAt(broker, before)).toEqual(new Set([old.serial]))
    await relying.fetch(broker)
    expect((await relying.verify(old.name)).said).toContain('certificate revoked')
  })

  test('an authority that leaked is taken back: nothing that it signed verifies any more', async () => {
    const broker = await start()
    const relying = party()
    await relying.certify(broker, 'shop')
    await broker.broker.authorities.rotate('dana', { atOnce: true, leaked: true })
    await relying.fetch(broker)
    const { ok, said } = await relying.verify('shop')
    expect([ok, said.includes('unable to get certificate CRL')]).toEqual([false, true])
  })

  test('the pki listener serves lists, OCSP and authorities over plain http, and nothing else', async () => {
    const port = await freePort()
    const broker = await start({
      config: (base) => ({
        ...certifying(base),
        pki: { url: `http://127.0.0.1:${port}/` },
        listen: [...base.listen, { host: '0.0.0.0', port, serve: ['pki'] }],
      }),
    })
    const pki = `http://127.0.0.1:${port}`
    const relying = party()
    const certified = await relying.certify(broker, 'shop')
    const shown = await relying.run('openssl', 'x509', '-in', 'shop.pem', '-noout', '-text')
    const { id } = broker.broker.authorities.current()
    expect(shown.said).toContain(`URI:${pki}/crl/${id}`)
    expect(shown.said).toContain(`OCSP - URI:${pki}/ocsp`)
    expect(shown.said).toContain(`CA Issuers - URI:${pki}/ca/${id}`)
    const issuer = await fetch(`${pki}/ca/${id}`)
    expect(issuer.headers.get('content-type')).toBe('application/pkix-cert')
    expect(new X509Certificate(Buffer.from(await issuer.arrayBuffer())).ca).toBe(true)
    expect((await fetch(`${pki}/crl/${id}`)).headers.get('content-type')).toBe('application/pkix-crl')
    expect(fromPem('CERTIFICATE', await (await fetch(`${pki}/ca`)).text())).toHaveLength(3)
    for (const path of ['/token', '/grants', '/spiffe/bundle', '/metrics', '/jwks'])
      expect((await fetch(`${pki}${path}`)).status).toBe(404)
    await relying.fetch(broker)
    const asked = await relying.run(
      'openssl',
      'ocsp',
      '-issuer',
      'issuing.pem',
      '-cert',
      'shop.pem',
      '-CAfile',
      'root.pem',
      '-verify_other',
      'issuing.pem',
      '-url',
      `${pki}/ocsp`,
    )
    expect(asked.said).toContain('shop.pem: good')
    await complete(broker, certified)
  })

  test('RFC 6960 §A.1: GET takes base64 as it is and percent-encoded; what is no request is answered as malformed', async () => {
    const broker = await start()
    const relying = party()
    await relying.certify(broker, 'shop')
    await relying.fetch(broker)
    await relying.run(
      'openssl',
      'ocsp',
      '-sha256',
      '-issuer',
      'issuing.pem',
      '-cert',
      'shop.pem',
      '-no_nonce',
      '-reqout',
      'shop.req',
    )
    const request = await relying.run('base64', '-w0', 'shop.req')
    const ask = async (path: string) => {
      const answer = await fetch(`${broker.url}/ocsp/${path}`)
      expect(answer.headers.get('content-type')).toBe('application/ocsp-response')
      expect(answer.headers.get('cache-control')).toBe('no-store')
      const bytes = Buffer.from(await answer.arrayBuffer())
      return [answer.status, bytes.length > 100, bytes.length === 5 ? bytes[4] : undefined]
    }
    expect(await ask(encodeURIComponent(request.said))).toEqual([200, true, undefined])
    expect(await ask(request.said)).toEqual([200, true, undefined])
    expect(await ask(`${encodeURIComponent(request.said)}AAAA`)).toEqual([200, false, 1])
    expect(await ask('not/base64/at-all')).toEqual([200, false, 1])
    const wrongType = await fetch(`${broker.url}/ocsp`, {
      method: 'POST',
      body: 'x',
      headers: { 'content-type': 'text/plain' },
    })
    expect(wrongType.status).toBe(415)
  })
})

describe('an issuing authority by files, below the root of a company', () => {
  test('its certificates verify up to that root, with the CRL of the root, until their task is complete', async () => {
    const company = party()
    const made = async (...args: readonly string[]) => {
      const { ok, said } = await company.run('openssl', ...args)
      if (!ok) throw new Error(said)
    }
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-nodes']
    const CA = [
      'basicConstraints=critical,CA:TRUE',
      'keyUsage=critical,keyCertSign,cRLSign',
      'subjectKeyIdentifier=hash',
    ]
    writeFileSync(company.file('ca.ext'), CA.join('\n'))
    writeFileSync(company.file('ca.cnf'), '[ca]\ndefault_ca=x\n[x]\ndatabase=db\ncrlnumber=no\ndefault_md=sha256\n')
    writeFileSync(company.file('db'), '')
    writeFileSync(company.file('no'), '01')
    const usage = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign']
    await made(
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      'company.key',
      '-out',
      'company.pem',
      '-subj',
      '/CN=Company',
      ...usage,
    )
    await made('req', ...newKey, '-keyout', 'errand.key', '-out', 'errand.csr', '-subj', '/CN=Errand below Company')
    const signer = [
      '-CA',
      'company.pem',
      '-CAkey',
      'company.key',
      '-CAcreateserial',
      '-extfile',
      'ca.ext',
      '-days',
      '90',
    ]
    await made('x509', '-req', '-in', 'errand.csr', ...signer, '-out', 'errand.pem')
    await made(
      'ca',
      '-gencrl',
      '-cert',
      'company.pem',
      '-keyfile',
      'company.key',
      '-config',
      'ca.cnf',
      '-crldays',
      '9',
      '-out',
      'company.crl',
    )
    await company.run('sh', '-c', 'cat errand.pem company.pem > chain.pem')
    const files = {
      cert_file: company.file('chain.pem'),
      key_file: company.file('errand.key'),
      root_crl_file: company.file('company.crl'),
    }
    // What openssl has signed a moment ago is valid.
    await sleep(1100)
    const broker = await start({
      config: (base) => ({ ...certifying(base), pki: { url: 'http://pki.errand.test', ...files } }),
    })
    expect(broker.broker.authorities.list().map(({ state, origin }) => [state, origin])).toEqual([
      ['current', 'files'],
      ['above', undefined],
    ])
    const certified = await company.certify(broker, 'shop')
    await company.fetch(broker)
    expect((await company.run('diff', 'root.pem', 'company.pem')).ok).toBe(true)
    expect((await company.verify('shop')).said).toBe('shop.pem: OK\n')
    await complete(broker, certified)
    await company.fetch(broker)
    expect((await company.verify('shop')).said).toContain('certificate revoked')
  })
})
