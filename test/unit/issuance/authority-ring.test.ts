import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAuthorityRing, type AuthorityRingDeps } from '../../../src/issuance/authority-ring.js'
import { PUBLISH_CA_AHEAD } from '../../../src/issuance/authority-book.js'
import { masterKeyOf } from '../../../src/issuance/master-key.js'
import { MAX_TOKEN_TTL, RETIREMENT_MARGIN } from '../../../src/issuance/ring.js'
import { randomIds } from '../../../src/runtime/ids.js'
import { silentLog } from '../../../src/runtime/log.js'
import { MemoryKeyStore } from './memory-key-store.js'

const EVERY = 30 * 86_400
const plainly = { atOnce: false, leaked: false }

function setUp(more: Partial<AuthorityRingDeps> = {}) {
  // openssl signs by the machine's clock, and what it signs while a test runs is valid.
  let at = Math.floor(Date.now() / 1000) + 60
  const clock = { now: () => at, nowMs: () => at * 1000, turn: (seconds: number) => (at += seconds) }
  const store = new MemoryKeyStore()
  const deps: AuthorityRingDeps = {
    store,
    clock,
    masterKey: masterKeyOf(Buffer.alloc(32, 9)),
    place: { trustDomain: 'errand.test', pkiUrl: 'http://pki.errand.test' },
    rotateEvery: EVERY,
    ids: randomIds,
    log: silentLog,
    ...more,
  }
  const open = (changes: Partial<AuthorityRingDeps> = {}) => openAuthorityRing({ ...deps, ...changes })
  return { store, clock, deps, open }
}

describe('authorities of our own', () => {
  test('root, issuing authority and the next one are made at the first start, and found again', async () => {
    const { store, open } = setUp()
    const ring = await open()
    expect(ring.list().map(({ state }) => state)).toEqual(['current', 'next', 'root'])
    expect((await open()).current().certificate).toEqual(ring.current().certificate)
    expect(store.row?.version).toBe(1)
    expect(store.events).toHaveLength(1)
  })

  test('of eight brokers that start at once one makes them and all use them', async () => {
    const { store, open } = setUp()
    const rings = await Promise.all(Array.from({ length: 8 }, () => open()))
    expect(new Set(rings.map((ring) => ring.current().id)).size).toBe(1)
    expect(store.row?.version).toBe(1)
  })

  test('no key is readable in the store, in the evidence or in the list', async () => {
    const { store, open } = setUp()
    const ring = await open()
    const key = ring.current().privateKey
    const forms = [key.export({ format: 'jwk' }).d!, key.export({ format: 'der', type: 'pkcs8' }).toString('base64')]
    const seen = JSON.stringify([store.row, store.events, ring.list()])
    for (const form of forms) expect(seen).not.toContain(form)
  })

  test('the certificates say what they are for: EC P-256, path lengths, the trust domain, and where the list of the root is', async () => {
    const ring = await setUp().open()
    const [root] = ring.roots()
    const issuing = new X509Certificate(ring.current().certificate)
    expect(issuing.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' })
    expect(issuing.subjectAltName).toBe('URI:spiffe://errand.test')
    expect(issuing.checkIssued(new X509Certificate(root!.certificate))).toBe(true)
    expect(issuing.infoAccess).toContain(`http://pki.errand.test/ca/${root!.id}`)
    const text = execFileSync('openssl', ['x509', '-noout', '-text', '-inform', 'DER'], {
      input: ring.current().certificate,
      encoding: 'utf8',
    })
    expect(text).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/)
    expect(text).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign/)
    expect(text).toContain(`URI:http://pki.errand.test/crl/${root!.id}`)
    expect(ring.current().urls).toEqual({
      crl: `http://pki.errand.test/crl/${ring.current().id}`,
      ocsp: 'http://pki.errand.test/ocsp',
      issuer: `http://pki.errand.test/ca/${ring.current().id}`,
    })
  })

  test('without a place for them, certificates name none', async () => {
    const ring = await setUp({ place: { trustDomain: 'errand.test', pkiUrl: undefined } }).open()
    expect(ring.current().urls).toBeUndefined()
    expect(new X509Certificate(ring.current().certificate).infoAccess).toBeUndefined()
  })

  test('the schedule rotates, another broker follows, and the old one stays until its certificates have expired', async () => {
    const { clock, store, open } = setUp()
    const [one, other] = [await open(), await open()]
    const [before, next] = one.all()
    clock.turn(EVERY)
    await one.refresh()
    await other.refresh()
    expect(one.current().id).toBe(next?.id)
    expect(other.current().id).toBe(next?.id)
    expect(other.all().map(({ id }) => id)).toContain(before?.id)
    expect(one.list().map(({ state }) => state)).toEqual(['retired', 'current', 'next', 'root'])
    clock.turn(MAX_TOKEN_TTL + RETIREMENT_MARGIN)
    await one.refresh()
    expect(one.list().map(({ state }) => state)).toEqual(['current', 'next', 'root'])
    expect(store.events.length).toBeGreaterThanOrEqual(3)
  })

  test('by command it waits for verifiers, unless at once; the evidence says who asked', async () => {
    const { store, clock, open } = setUp()
    const ring = await open()
    expect(await ring.rotate('dana', plainly)).toMatchObject({ ok: true })
    expect(await ring.rotate('dana', plainly)).toEqual({
      ok: false,
      refusal: { reason: 'next_authority_too_young', usableAt: clock.now() + PUBLISH_CA_AHEAD },
    })
    expect(await ring.rotate('dana', { atOnce: true, leaked: false })).toMatchObject({ ok: true })
    expect(store.events.at(-1)?.after).toContain('"type":"authority.changed"')
    expect(store.events.at(-1)?.before).toContain('"person":"dana"')
  })

  test('one that leaked is on the list of the root', async () => {
    const ring = await setUp().open()
    const { id, certificate } = ring.current()
    expect(await ring.rotate('dana', { atOnce: true, leaked: true })).toMatchObject({ value: { revoked: [id] } })
    const serial = new X509Certificate(certificate).serialNumber.toLowerCase()
    expect(ring.roots()[0]?.revoked).toMatchObject([{ serial }])
  })

  test('a root that is near its end is followed by another one, and both are anchors', async () => {
    const { clock, open } = setUp()
    const ring = await open()
    // Ten years of rotations are not waited for: the brokers were down.
    clock.turn(3652 * 86_400 - EVERY)
    await ring.refresh()
    await ring.rotate('dana', { atOnce: true, leaked: false })
    await ring.refresh()
    expect(ring.anchors()).toHaveLength(2)
    expect(ring.current().notAfter).toBeGreaterThan(clock.now() + EVERY)
  })

  test('after a long time without a broker one whose certificate has expired does not sign, and a new one does at once', async () => {
    const { clock, open } = setUp()
    await open()
    clock.turn(365 * 86_400)
    const ring = await open()
    await ring.refresh()
    expect(ring.current().notAfter).toBeGreaterThan(clock.now())
  })

  test('while the store is down, what is held goes on', async () => {
    const { store, open } = setUp()
    const ring = await open()
    store.down = true
    await ring.refresh()
    expect(ring.current().id).toHaveLength(16)
  })
})

describe('below a root of somebody else', () => {
  let folder: string
  const openssl = (...args: readonly string[]): Buffer =>
    execFileSync('openssl', [...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const text = (name: string): string => readFileSync(join(folder, name), 'utf8')
  const CA = ['basicConstraints=critical,CA:TRUE,pathlen:0', 'keyUsage=critical,keyCertSign,cRLSign']

  /** Signs a request as a company's root does; `<name>.chain.pem` ends with the root. */
  function certify(csr: string, name: string, extensions: readonly string[] = CA, days = '200', by = 'root'): string {
    writeFileSync(join(folder, `${name}.csr`), csr)
    const all = [...extensions, 'subjectKeyIdentifier=hash', 'authorityKeyIdentifier=keyid']
    writeFileSync(join(folder, `${name}.ext`), all.join('\n'))
    const signer = ['-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial', '-extfile', `${name}.ext`]
    openssl('x509', '-req', '-in', `${name}.csr`, ...signer, '-days', days, '-out', `${name}.pem`)
    return text(`${name}.pem`) + text(`${by}.pem`)
  }

  function crl(name: string): Buffer {
    writeFileSync(join(folder, 'index.txt'), '')
    writeFileSync(join(folder, 'crlnumber'), '01')
    writeFileSync(
      join(folder, 'ca.cnf'),
      ['[ca]', 'default_ca=x', '[x]', 'database=index.txt', 'crlnumber=crlnumber', 'default_md=sha256'].join('\n'),
    )
    const signer = ['-cert', `${name}.pem`, '-keyfile', `${name}.key`, '-config', 'ca.cnf', '-crldays', '30']
    openssl('ca', '-gencrl', ...signer, '-out', `${name}.crl`)
    return readFileSync(join(folder, `${name}.crl`))
  }

  const selfSigned = (name: string, ...more: readonly string[]): void => {
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-nodes', '-keyout', `${name}.key`]
    openssl('req', '-x509', ...newKey, '-subj', `/CN=${name}`, '-days', '300', '-out', `${name}.pem`, ...more)
  }

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'errand-root-'))
    selfSigned('root', '-addext', 'keyUsage=critical,keyCertSign,cRLSign')
    selfSigned('stranger')
    // Another key under the name of the root.
    selfSigned('double', '-subj', '/CN=root', '-addext', 'keyUsage=critical,keyCertSign,cRLSign')
  })
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  test('a request, its certificate and a rotation make it the one that signs; the old one goes on', async () => {
    const { open, clock } = setUp()
    const ring = await open()
    const before = ring.current().id
    const csr = await ring.request('dana', { fresh: false })
    expect(execOk(() => openssl('req', '-verify', '-noout', '-in', writeFile('out.csr', csr)))).toBe(true)
    expect(await ring.request('dana', { fresh: false })).toContain('BEGIN CERTIFICATE REQUEST')
    const imported = await ring.importChain('dana', certify(csr, 'first'))
    expect(imported).toMatchObject({ ok: true, value: { published: [expect.any(String)] } })
    expect(ring.current().id).toBe(before)
    clock.turn(PUBLISH_CA_AHEAD)
    expect(await ring.rotate('dana', plainly)).toMatchObject({ ok: true, value: { retired: [before] } })
    expect(ring.current().chain).toHaveLength(1)
    expect(ring.current().chain[0]).toBe(text('first.pem'))
    expect(ring.anchors().map((der) => new X509Certificate(der).subject)).toContain('CN=root')
    expect(ring.list().map(({ state }) => state)).toEqual(['retired', 'current', 'root', 'above'])
    // Nobody here can make the next one.
    expect(await ring.rotate('dana', { atOnce: true, leaked: false })).toMatchObject({
      refusal: { reason: 'no_next_authority' },
    })
  })

  const writeFile = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content)
    return name
  }
  const execOk = (work: () => unknown): boolean => {
    work()
    return true
  }

  test('a request asks for the same key until its certificate has come, or for a fresh one', async () => {
    const ring = await setUp().open()
    const keyOf = (csr: string): string =>
      openssl('req', '-pubkey', '-noout', '-in', writeFile('key.csr', csr)).toString()
    const first = await ring.request('dana', { fresh: false })
    expect(keyOf(await ring.request('dana', { fresh: false }))).toBe(keyOf(first))
    expect(keyOf(await ring.request('dana', { fresh: true }))).not.toBe(keyOf(first))
    expect(await ring.importChain('dana', certify(first, 'late'))).toMatchObject({
      refusal: { detail: 'the first certificate is not for this key' },
    })
  })

  test('without a request nothing is imported', async () => {
    const ring = await setUp().open()
    expect(await ring.importChain('dana', text('root.pem'))).toEqual({ ok: false, refusal: { reason: 'no_request' } })
  })

  test.each([
    ['no CA', ['basicConstraints=critical,CA:FALSE', 'keyUsage=critical,keyCertSign,cRLSign'], /not of a CA/],
    ['no cRLSign', ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign'], /cRLSign/],
    ['no keyCertSign', ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,cRLSign'], /keyCertSign/],
  ])('a certificate with %s is refused, and nothing changes', async (_title, extensions, why) => {
    const { open, store } = setUp()
    const ring = await open()
    const csr = await ring.request('dana', { fresh: false })
    const { version } = store.row!
    expect(await ring.importChain('dana', certify(csr, 'bad', extensions))).toMatchObject({
      refusal: { reason: 'chain_unacceptable', detail: expect.stringMatching(why) },
    })
    expect(store.row?.version).toBe(version)
  })

  test('a chain that does not hold together is refused', async () => {
    const ring = await setUp().open()
    const csr = await ring.request('dana', { fresh: false })
    certify(csr, 'loose')
    const refused = async (pem: string, why: RegExp) => {
      expect(await ring.importChain('dana', pem)).toMatchObject({ refusal: { detail: expect.stringMatching(why) } })
    }
    await refused(text('loose.pem') + text('stranger.pem'), /certificate 1 is not certified by the one after it/)
    await refused(text('loose.pem') + text('double.pem'), /certificate 1 is not certified by the one after it/)
    await refused('nothing', /no certificate/)
    await refused(text('loose.pem').repeat(7), /more than 6/)
  })

  test('files of the configuration are used at once where nothing signed before, and next where something did', async () => {
    const csr = await (await setUp().open()).request('dana', { fresh: false })
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'given.key')
    const request = openssl('req', '-new', '-key', 'given.key', '-subj', '/CN=given').toString()
    const given = { chain: certify(request, 'given'), privateKey: createPrivateKey(text('given.key')) }
    expect(csr).not.toBe('')

    const fresh = setUp({ given })
    const ring = await fresh.open()
    expect(ring.list().map(({ state, origin }) => [state, origin])).toEqual([
      ['current', 'files'],
      ['above', undefined],
    ])
    expect(ring.roots()).toEqual([])

    const grown = setUp()
    const own = (await grown.open()).current().id
    const later = await grown.open({ given })
    expect(later.current().id).toBe(own)
    grown.clock.turn(PUBLISH_CA_AHEAD)
    await later.refresh()
    expect(later.current().id).toBe(ring.current().id)
    // The files went, the authority stays: its certificates live.
    expect((await grown.open()).current().id).toBe(ring.current().id)
  })

  test('what is signed outlives no certificate of the chain', async () => {
    const { open, clock } = setUp()
    const ring = await open()
    const usage = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign']
    selfSigned('brief', '-days', '30', ...usage)
    const chain = certify(await ring.request('dana', { fresh: false }), 'long', CA, '200', 'brief')
    expect(await ring.importChain('dana', chain)).toMatchObject({ ok: true })
    await ring.rotate('dana', { atOnce: true, leaked: false })
    const end = Date.parse(new X509Certificate(text('brief.pem')).validTo) / 1000
    expect(ring.current().notAfter).toBe(end)
    expect(ring.list().find(({ state }) => state === 'current')?.notAfter).toBe(end)
    clock.turn(30 * 86_400)
    expect(() => ring.current()).toThrow(expect.objectContaining({ code: 'key_unavailable' }))
  })

  test('an authority above it that ends within two hours gives no authority', async () => {
    const { open, clock } = setUp()
    const ring = await open()
    selfSigned('ending', '-days', '1', '-addext', 'keyUsage=critical,keyCertSign,cRLSign')
    const chain = certify(await ring.request('dana', { fresh: false }), 'lasting', CA, '200', 'ending')
    clock.turn(86_400 - 7200)
    expect(await ring.importChain('dana', chain)).toMatchObject({
      refusal: { detail: 'it, or a certificate above it, expires within two hours' },
    })
  })

  describe('whose key has leaked', () => {
    test('is believed by nobody here, whose root it is; it has no list and is no part of a path', async () => {
      const { open, clock, store } = setUp()
      const ring = await open()
      await ring.importChain('dana', certify(await ring.request('dana', { fresh: false }), 'lost'))
      await ring.rotate('dana', { atOnce: true, leaked: false })
      const lost = ring.current()
      await ring.importChain('dana', certify(await ring.request('dana', { fresh: false }), 'found'))
      const other = await open()
      expect(await ring.rotate('dana', { atOnce: false, leaked: true })).toMatchObject({
        value: { retired: [lost.id], revoked: [lost.id], unlisted: [lost.id] },
      })
      await other.refresh()
      for (const each of [ring, other]) {
        expect(each.believed().map(({ id }) => id)).not.toContain(lost.id)
        expect(each.takenBack().map(({ id }) => id)).toEqual([lost.id])
        expect(each.takenBackAt(lost.id)).toBe(clock.now())
        expect(each.signer(lost.id)).toBeUndefined()
        expect(each.certificates().some((der) => der.equals(lost.certificate))).toBe(false)
        expect(each.current().chain[0]).toBe(text('found.pem'))
      }
      expect(ring.list().find(({ id }) => id === lost.id)).toMatchObject({ takenBackAt: clock.now() })
      expect(store.events.at(-1)?.before).toContain(`"unlisted":["${lost.id}"]`)
      // It is known for as long as its certificate would be good.
      clock.turn(100 * 86_400)
      await ring.refresh()
      expect(ring.takenBackAt(lost.id)).toBeDefined()
    })

    test('signs no more, even where nothing can follow it; what is imported then signs at once', async () => {
      const ring = await setUp().open()
      await ring.importChain('dana', certify(await ring.request('dana', { fresh: false }), 'only'))
      await ring.rotate('dana', { atOnce: true, leaked: false })
      const { id } = ring.current()
      const roots = ring.anchors().length
      expect(await ring.rotate('dana', { atOnce: true, leaked: true })).toMatchObject({
        value: { activated: [], retired: [], revoked: [id], unlisted: [id] },
      })
      expect(() => ring.current()).toThrow(expect.objectContaining({ code: 'key_unavailable' }))
      expect(ring.anchors()).toHaveLength(roots)
      const chain = certify(await ring.request('dana', { fresh: false }), 'again')
      expect(await ring.importChain('dana', chain)).toMatchObject({ value: { retired: [id] } })
      expect(ring.current().chain[0]).toBe(text('again.pem'))
    })

    test('does not come back with its files, nor under another certificate for its key', async () => {
      openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'leaky.key')
      const request = openssl('req', '-new', '-key', 'leaky.key', '-subj', '/CN=leaky').toString()
      const privateKey = createPrivateKey(text('leaky.key'))
      const given = { chain: certify(request, 'leaky'), privateKey }
      const { open, clock } = setUp({ given })
      const ring = await open()
      await ring.rotate('dana', { atOnce: true, leaked: true })
      clock.turn(2 * MAX_TOKEN_TTL)
      const again = await open()
      await again.refresh()
      expect(() => again.current()).toThrow(expect.objectContaining({ code: 'key_unavailable' }))
      await expect(open({ given: { chain: certify(request, 'anew'), privateKey } })).rejects.toMatchObject({
        code: 'key_unavailable',
        message: expect.stringContaining('has leaked'),
      })
    })

    test('and that is all there is of its path is no anchor', async () => {
      openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'alone.key')
      const request = openssl('req', '-new', '-key', 'alone.key', '-subj', '/CN=alone').toString()
      certify(request, 'alone')
      const ring = await setUp({
        given: { chain: text('alone.pem'), privateKey: createPrivateKey(text('alone.key')) },
      }).open()
      expect(ring.anchors()).toHaveLength(1)
      await ring.rotate('dana', { atOnce: true, leaked: true })
      expect([ring.anchors(), ring.certificates()]).toEqual([[], []])
    })
  })

  test('files that cannot be used stop the start', async () => {
    const given = { chain: text('stranger.pem'), privateKey: createPrivateKey(text('root.key')) }
    await expect(setUp({ given }).open()).rejects.toMatchObject({
      code: 'key_unavailable',
      message: expect.stringContaining('pki.cert_file'),
    })
  })

  test('the CRL of the root is served once it was imported: signed by it, in force, and no older than the last', async () => {
    const { open, clock } = setUp()
    const ring = await open()
    const csr = await ring.request('dana', { fresh: false })
    await ring.importChain('dana', certify(csr, 'withcrl'))
    const { id } = ring.list().find(({ state }) => state === 'above')!
    expect(ring.foreignCrl(id)).toBeUndefined()
    const refused = async (bytes: Buffer, why: RegExp) => {
      expect(await ring.importCrl('dana', bytes)).toMatchObject({ refusal: { detail: expect.stringMatching(why) } })
    }
    await refused(Buffer.from('nothing'), /cannot be read/)
    await refused(crl('stranger'), /no authority above ours/)
    await refused(crl('double'), /no authority above ours/)
    await refused(Buffer.alloc(1024 * 1024 + 1), /larger/)
    const bytes = crl('root')
    expect(await ring.importCrl('dana', bytes)).toEqual({ ok: true, value: { id } })
    expect(ring.foreignCrl(id)?.der).toEqual(openssl('crl', '-in', 'root.crl', '-outform', 'DER'))
    expect(ring.foreignCrl(id)).toBe(ring.foreignCrl(id))
    expect(ring.list().find(({ state }) => state === 'above')?.crlUntil).toBeGreaterThan(clock.now())
    clock.turn(31 * 86_400)
    await refused(bytes, /not in force/)
  })
})
