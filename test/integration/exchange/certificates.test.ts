import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { generateKeyPairSync, hash, X509Certificate, type KeyObject } from 'node:crypto'
import { buildCsr } from '../../../src/x509/build-csr.js'
import type { Answer } from '../../support/broker.js'
import { KEY_KINDS, makeCsr, openWorkbench, type Workbench } from '../../support/openssl.js'
import {
  ACCESS_TOKEN,
  agentId,
  CLIENT_ASSERTION_TYPE,
  credentialOf,
  DATABASE,
  DEPLOY,
  deferredForm,
  errorOf,
  exchangeForm,
  MESH,
  openStage,
  TICKET,
  X509,
  type Run,
  type Stage,
} from './stage.js'
import { STORES } from './stores.js'

const NAMES = { common_name: 'deploy_shop', dns: ['a.db.example.com', 'b.db.example.com'] }

interface Certificate {
  readonly pem: string
  readonly leaf: X509Certificate
  readonly id: string
  readonly grantId: string
  readonly taskId: string
  readonly answer: Answer
}

describe.each(STORES)('contract §1 and §2: certificates through the exchange, on $name', (store) => {
  let stage: Stage
  let bench: Workbench
  beforeAll(async () => {
    stage = await openStage(store)
    bench = openWorkbench()
  })
  afterAll(async () => {
    bench.close()
    await stage.stop()
  })

  function newKey(): { readonly privateKey: KeyObject; readonly csr: string } {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    stage.broker.secrets.keep(privateKey.export({ format: 'der', type: 'pkcs8' }), 'the key of a certificate')
    return { privateKey, csr: buildCsr(privateKey) }
  }

  const form = (more: Record<string, string> = {}) => ({
    audience: DATABASE,
    scope: 'read',
    requested_token_type: X509,
    ...('csr' in more ? {} : { csr: newKey().csr }),
    ...more,
  })

  function certificateOf(answer: Answer): Certificate {
    const { status, body } = answer
    if (status !== 200) throw new Error(JSON.stringify(body))
    const pem = String(body['access_token'])
    const leaf = new X509Certificate(pem)
    return {
      pem,
      leaf,
      id: `cr_${leaf.serialNumber.toLowerCase()}`,
      grantId: String(body['grant_id']),
      taskId: String(body['task_id']),
      answer,
    }
  }

  const ask = async (run: Run, more: Record<string, string> = {}) =>
    stage.token(exchangeForm(await run.assertion(), form(more)))
  const certified = async (run: Run = stage.newRun(), more: Record<string, string> = {}) =>
    certificateOf(await ask(run, more))

  const requestGrant = async (run: Run, body: Record<string, unknown>) =>
    stage.broker.call('POST', '/grants', await run.assertion(), {
      access: [{ audience: DATABASE, scope: 'write' }],
      purpose: 'migrate',
      ...body,
    })
  /** A grant for certificates that Ann approved. */
  const approvedGrant = async (run: Run, body: Record<string, unknown> = {}) => {
    const asked = await requestGrant(run, { credential: { types: ['x509', 'jwt'], names: NAMES }, ...body })
    if (asked.status !== 201) throw new Error(JSON.stringify(asked.body))
    const approved = await stage.review(String(asked.body['id']), 'approve')
    if (approved.status !== 201) throw new Error(JSON.stringify(approved.body))
    return approved.body
  }

  describe('the answer', () => {
    test('is the PEM chain, its type, N_A, and what it is good for', async () => {
      const { privateKey, csr } = newKey()
      const { leaf, answer, id } = await certified(undefined, { csr })
      expect(answer.body).toMatchObject({
        issued_token_type: X509,
        token_type: 'N_A',
        expires_in: 600,
        scope: 'read',
        grant_id: expect.stringMatching(/^gr_/),
        task_id: expect.stringMatching(/^tk_/),
        lease_seconds: 900,
      })
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(leaf.checkPrivateKey(privateKey)).toBe(true)
      expect(id).toMatch(/^cr_[4-7][0-9a-f]{33}$/)
      expect(leaf.subjectAltName).toMatch(/^URI:spiffe:\/\/errand\.test\/ci\/74[^,]*$/)
      expect(Date.parse(leaf.validTo) / 1000).toBe(stage.clock.now() + 600)
    })

    test('openssl verifies the chain up to what GET /ca serves', async () => {
      const { pem } = await certified()
      const { body } = await stage.broker.fetch('/ca')
      bench.write('ca.pem', String(body['text']))
      bench.write('chain.pem', pem)
      const at = String(stage.clock.now())
      const options = ['-attime', at, '-purpose', 'sslclient', '-CAfile', 'ca.pem', '-untrusted', 'chain.pem']
      expect(bench.run('openssl', 'verify', ...options, 'chain.pem')).toEqual({ code: 0, said: 'chain.pem: OK\n' })
    })

    test('a CSR in base64url of its DER will do', async () => {
      const der = Buffer.from(newKey().csr.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
      expect((await certified(undefined, { csr: der.toString('base64url') })).id).toMatch(/^cr_/)
    })

    test('lifetime shortens it', async () => {
      const { answer, leaf } = await certified(undefined, { lifetime: '60' })
      expect(answer.body['expires_in']).toBe(60)
      expect(Date.parse(leaf.validTo) / 1000).toBe(stage.clock.now() + 60)
    })

    test('the evidence names the certificate by its serial number, its key and its authority, before it is signed', async () => {
      const { taskId, leaf, id } = await certified()
      const events = await stage.events(`task_id=${taskId}`)
      const issued = events.find(({ type }) => type === 'credential.issued')
      const spki = leaf.publicKey.export({ format: 'der', type: 'spki' })
      expect(issued).toMatchObject({
        credential_id: id,
        audience: DATABASE,
        data: { type: 'x509', public_key: `sha256:${hash('sha256', spki, 'hex')}`, scope: 'read' },
      })
    })
  })

  describe('one approval, two kinds of credential', () => {
    test('what people approved for a run gives a JWT and a certificate, of one task', async () => {
      const run = stage.newRun()
      const jwt = await stage.granted(run, { audience: DATABASE, scope: 'write' })
      const certificate = await certified(run, { scope: 'write' })
      expect([certificate.grantId, certificate.taskId]).toEqual([jwt.grantId, jwt.taskId])
      expect((await stage.broker.call('GET', `/grants/${jwt.grantId}`, await stage.person('ann'))).body).toMatchObject({
        credential: { types: ['jwt', 'x509'] },
      })
    })

    test('a reviewer can take certificates out', async () => {
      const run = stage.newRun()
      const asked = await requestGrant(run, { credential: { types: ['jwt', 'x509'], names: NAMES } })
      const id = String(asked.body['id'])
      await narrowed(id, ({ credential: { names: _names, ...credential }, ...terms }) => ({
        ...terms,
        credential: { ...credential, types: ['jwt'] },
      }))
      expect(errorOf(await ask(run, { scope: 'write', grant_id: id }))).toBe('invalid_grant')
      expect(errorOf(await ask(run, { scope: 'write' }))).toBe('access_denied')
      const jwt = await stage.token(exchangeForm(await run.assertion(), { audience: DATABASE, scope: 'write' }))
      expect(jwt.status).toBe(200)
    })
  })

  interface Shown extends Record<string, unknown> {
    readonly credential: Record<string, unknown> & { readonly names?: unknown }
  }

  /** Ann approves narrower terms. */
  async function narrowed(id: string, narrow: (terms: Shown) => Record<string, unknown>): Promise<Answer> {
    const { canonicalize } = await import('../../../src/runtime/jcs.js')
    const ann = await stage.person('ann')
    const { body } = await stage.broker.call('GET', `/grants/${id}`, ann)
    const { status: _s, created_at: _c, digest: _d, reviews: _r, ...shown } = body as unknown as Shown
    const terms = narrow({ v: 1, issuer: stage.broker.url, ...shown })
    const digest = `sha256:${hash('sha256', canonicalize(terms), 'hex')}`
    return stage.broker.call('POST', `/grants/${id}/reviews`, ann, { decision: 'approve', digest, terms })
  }

  describe('names', () => {
    test('the certificate carries exactly those of the grant, whatever the CSR asks for', async () => {
      const run = stage.newRun()
      const grant = await approvedGrant(run)
      expect(grant).toMatchObject({ credential: { types: ['jwt', 'x509'], names: NAMES } })
      const wishes = 'subjectAltName=DNS:c.db.example.com,URI:spiffe://errand.test/root'
      const csr = makeCsr(bench, 'wishful', KEY_KINDS['P-256'], '-addext', wishes)
      const { leaf, grantId } = await certified(run, { scope: 'write', csr })
      expect(grantId).toBe(grant['id'])
      expect(leaf.subject).toBe('CN=deploy_shop')
      expect(leaf.subjectAltName).toMatch(
        /^URI:spiffe:\/\/errand\.test\/ci\/74[^,]*, DNS:a\.db\.example\.com, DNS:b\.db\.example\.com$/,
      )
    })

    test('of a grant without names, none', async () => {
      const csr = makeCsr(bench, 'plain', KEY_KINDS['P-384'], '-addext', 'subjectAltName=DNS:a.db.example.com')
      const { leaf } = await certified(undefined, { csr })
      expect(leaf.subjectAltName).not.toContain('DNS:')
      expect(leaf.subject as string | undefined).toBeUndefined()
    })

    test('a reviewer can take names out, and add none', async () => {
      const run = stage.newRun()
      const asked = await requestGrant(run, { credential: { types: ['x509'], names: NAMES } })
      const id = String(asked.body['id'])
      const withNames = (names: unknown) => (terms: Shown) => ({ ...terms, credential: { ...terms.credential, names } })
      const wider = await narrowed(id, withNames({ ...NAMES, dns: [...NAMES.dns, 'c.db.example.com'] }))
      expect(wider.status).toBe(409)
      expect((await narrowed(id, withNames({ dns: ['b.db.example.com'] }))).status).toBe(201)
      const { leaf } = await certified(run, { scope: 'write' })
      expect(leaf.subjectAltName).toMatch(/74[^,]*, DNS:b\.db\.example\.com$/)
      expect(leaf.subject as string | undefined).toBeUndefined()
    })

    test('a person asks for a standing window with names', async () => {
      const id = await stage.window({
        access: [{ audience: DATABASE, scope: 'write' }],
        credential: { types: ['x509'], names: { common_name: 'deploy_nightly' } },
        task: { max_tasks: 5 },
        duration_seconds: 86_400,
      })
      const { leaf, grantId } = await certified(undefined, { scope: 'write' })
      expect([grantId, leaf.subject]).toEqual([id, 'CN=deploy_nightly'])
      const operator = await stage.person('olga', ['operators'])
      await stage.broker.call('POST', `/grants/${id}/revoke`, operator)
    })

    test.each([
      ['a common name that no pattern allows', { types: ['x509'], names: { common_name: 'postgres' } }],
      ['a DNS name that no pattern allows', { types: ['x509'], names: { dns: ['db.example.com'] } }],
      ['names of JWTs', { types: ['jwt'], names: NAMES }],
      ['names without a name', { types: ['x509'], names: { dns: [] } }],
      ['a wildcard', { types: ['x509'], names: { dns: ['*.db.example.com'] } }],
      ['an IP address as a DNS name', { types: ['x509'], names: { dns: ['10.0.0.1'] } }],
      ['capitals', { types: ['x509'], names: { dns: ['A.db.example.com'] } }],
      ['a common name with a line feed', { types: ['x509'], names: { common_name: 'deploy_a\nb' } }],
      ['a common name that is too long', { types: ['x509'], names: { common_name: `deploy_${'a'.repeat(58)}` } }],
      ['a name of another kind', { types: ['x509'], names: { ip: ['10.0.0.1'] } }],
      ['an unknown type', { types: ['ssh'] }],
      ['no types', { types: [] }],
    ])('%s is refused when the grant is asked for', async (_, credential) => {
      expect((await requestGrant(stage.newRun(), { credential })).status).toBe(400)
    })

    test('of a target that takes no certificates there is no grant for them', async () => {
      const asked = await requestGrant(stage.newRun(), {
        access: [{ audience: DEPLOY, scope: 'deploy:production' }],
        credential: { types: ['x509'] },
      })
      expect([asked.status, asked.body['type']]).toEqual([400, 'urn:errand:problem:type_not_issued'])
    })
  })

  describe('contract §1, the table of errors', () => {
    const badCsrs: readonly (readonly [string, () => string])[] = [
      ['no CSR', () => 'AAAA'],
      ['half a CSR', () => newKey().csr.slice(0, 120)],
      ['a CSR over 16 KiB', () => 'A'.repeat(16_385)],
      ['two CSRs', () => newKey().csr + newKey().csr],
      [
        'a CSR whose signature does not verify',
        () => {
          const der = Buffer.from(newKey().csr.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
          der.set([(der.at(-1) ?? 0) ^ 1], der.length - 1)
          return der.toString('base64url')
        },
      ],
      ['a key on P-521', () => makeCsr(bench, 'p521', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-521'])],
      ['RSA 1024', () => makeCsr(bench, 'rsa1024', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'])],
    ]
    test.each(badCsrs)('%s: invalid_request, and the assertion is not spent', async (_, csr) => {
      const assertion = await stage.newRun().assertion()
      expect(errorOf(await stage.token(exchangeForm(assertion, form({ csr: csr() }))))).toBe('invalid_request')
      expect((await stage.token(exchangeForm(assertion, form()))).status).toBe(200)
    })

    test('a csr without a certificate, and a certificate without a csr: invalid_request', async () => {
      const assertion = await stage.newRun().assertion()
      const { requested_token_type: _type, ...jwt } = form()
      expect(errorOf(await stage.token(exchangeForm(assertion, jwt)))).toBe('invalid_request')
      const { csr: _csr, ...without } = form()
      expect(errorOf(await stage.token(exchangeForm(assertion, without)))).toBe('invalid_request')
      expect(
        errorOf(await stage.token([...Object.entries(exchangeForm(assertion, form())), ['csr', 'x']] as never)),
      ).toBe('invalid_request')
    })

    test('a certificate where the target takes none, and a JWT where it takes certificates alone: invalid_request', async () => {
      const run = stage.newRun()
      expect(errorOf(await ask(run, { audience: DEPLOY, scope: 'deploy:staging' }))).toBe('invalid_request')
      const mesh = { audience: MESH, scope: 'call' }
      expect(errorOf(await stage.token(exchangeForm(await run.assertion(), mesh)))).toBe('invalid_request')
      expect((await certified(run, mesh)).answer.status).toBe(200)
    })

    test('a grant of JWTs alone: invalid_grant when it is named, else it does not cover', async () => {
      const run = stage.newRun()
      const grant = await approvedGrant(run, { credential: { types: ['jwt'] } })
      expect(errorOf(await ask(run, { scope: 'write', grant_id: String(grant['id']) }))).toBe('invalid_grant')
      expect(errorOf(await ask(run, { scope: 'write' }))).toBe('access_denied')
    })

    test('a run that has ended hears that first', async () => {
      const run = stage.newRun()
      const { taskId } = await certified(run)
      await stage.broker.call('POST', `/tasks/${taskId}/complete`, await run.assertion())
      expect(errorOf(await ask(run))).toBe('access_denied')
      expect(errorOf(await ask(run, { csr: 'AAAA' }))).toBe('access_denied')
    })
  })

  describe('contract §3: a certificate satisfies every binding', () => {
    test('where the tier asks for a key, a JWT needs a proof and a certificate does not', async () => {
      const run = stage.newRun()
      const jwt = await stage.token(exchangeForm(await run.assertion(), { audience: DATABASE, scope: 'keyed' }))
      expect(errorOf(jwt)).not.toBe('none')
      expect((await certified(run, { scope: 'keyed' })).answer.body['token_type']).toBe('N_A')
    })
  })

  describe('Deferred', () => {
    const defer = async (run: Run, more: Record<string, string> = {}) =>
      stage.token(deferredForm(await run.assertion(), form({ scope: 'write', ...more })))

    test('the certificate is for the key of the first request; the poll repeats nothing', async () => {
      const run = stage.newRun()
      const { privateKey, csr } = newKey()
      const { body } = await defer(run, { csr })
      await stage.review(String(body['grant_id']), 'approve')
      const { leaf, answer } = certificateOf(await stage.poll(run, String(body['deferral_code'])))
      expect(leaf.checkPrivateKey(privateKey)).toBe(true)
      expect(answer.body['issued_token_type']).toBe(X509)
    })

    test('equal requests for one key join; for another key, or for a JWT, they do not', async () => {
      const run = stage.newRun()
      const { csr } = newKey()
      const first = await defer(run, { csr })
      const again = await defer(run, { csr })
      const other = await defer(run)
      const jwt = await stage.deferred(run, { audience: DATABASE, scope: 'write' })
      expect(again.body['grant_id']).toBe(first.body['grant_id'])
      expect(new Set([first, other].map(({ body }) => body['grant_id'])).size).toBe(2)
      expect([first, other].map(({ body }) => body['grant_id'])).not.toContain(jwt.grantId)
    })

    test('a bad CSR is told at once, and nobody is asked', async () => {
      expect(errorOf(await defer(stage.newRun(), { csr: 'AAAA' }))).toBe('invalid_request')
    })
  })

  describe('Handing on', () => {
    const ticketFor = async (run: Run, token: string) => {
      const answer = await stage.token({
        ...exchangeForm(token, { subject_token_type: ACCESS_TOKEN, audience: DATABASE, scope: 'write' }),
        client_assertion: await run.assertion(),
        client_assertion_type: CLIENT_ASSERTION_TYPE,
        requested_token_type: TICKET,
        actor: agentId('one'),
      })
      return String(answer.body['access_token'])
    }
    const redeem = async (ticket: string, more: Record<string, string> = {}) =>
      stage.token({
        ...exchangeForm(ticket, { subject_token_type: TICKET, ...form({ scope: 'write', ...more }) }),
        actor_token: await stage.agent('one'),
        actor_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      })
    const parent = async (credential: Record<string, unknown>) => {
      const run = stage.newRun()
      const delegation = { to: [agentId('one')], max_depth: 1, max_children: 3 }
      const grant = await approvedGrant(run, { credential, delegation })
      const more = { audience: DATABASE, scope: 'write', grant_id: String(grant['id']) }
      return { run, jwt: credentialOf(await stage.token(exchangeForm(await run.assertion(), more))) }
    }

    test('a ticket is redeemed for a certificate, in the name of whom people approved, and dies with the parent', async () => {
      const { run, jwt } = await parent({ types: ['jwt', 'x509'], names: NAMES })
      const child = certificateOf(await redeem(await ticketFor(run, jwt.token)))
      expect(child.leaf.subjectAltName).toContain(`URI:${String(jwt.claims.sub)}`)
      expect(child.leaf.subject).toBe('CN=deploy_shop')
      expect((await stage.introspect(child.pem, 'database-api')).body).toMatchObject({
        active: true,
        sub: jwt.claims.sub,
        client_id: agentId('one'),
        // As a JWT has it: who acts now, then who handed it on (RFC 8693 §4.1).
        act: { sub: agentId('one'), act: { sub: jwt.claims.sub } },
      })
      await stage.revoke({ token: jwt.token })
      expect((await stage.introspect(child.pem, 'database-api')).body).toEqual({ active: false })
      expect(await revokedSerials()).toContain(child.leaf.serialNumber)
    })

    test('of a grant of JWTs alone: invalid_grant, and neither ticket nor assertion is spent', async () => {
      const { run, jwt } = await parent({ types: ['jwt'] })
      const ticket = await ticketFor(run, jwt.token)
      expect(errorOf(await redeem(ticket))).toBe('invalid_grant')
      expect(errorOf(await redeem(ticket, { csr: 'AAAA' }))).toBe('invalid_request')
      const { csr: _csr, requested_token_type: _type, ...asJwt } = form({ scope: 'write' })
      const answer = await stage.token({
        ...exchangeForm(ticket, { subject_token_type: TICKET, ...asJwt }),
        actor_token: await stage.agent('one'),
        actor_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      })
      expect(answer.status).toBe(200)
    })
  })

  /** What `openssl crl` reads of all lists. */
  async function revokedSerials(): Promise<readonly string[]> {
    const { body } = await stage.broker.fetch('/crl')
    const lists = String(body['text']).match(/-----BEGIN[^]*?-----END X509 CRL-----\n/g) ?? []
    return lists.flatMap((list) => {
      bench.write('list.pem', list)
      const text = bench.openssl('crl', '-in', 'list.pem', '-noout', '-text')
      return [...text.matchAll(/Serial Number: ([0-9A-F]+)/g)].map(([, serial = '']) => serial)
    })
  }

  describe('the end of a certificate', () => {
    test.each([
      [
        'its task is completed',
        async ({ taskId }: Certificate, run: Run) =>
          stage.broker.call('POST', `/tasks/${taskId}/complete`, await run.assertion()),
      ],
      [
        'its grant is revoked',
        async ({ grantId }: Certificate) =>
          stage.broker.call('POST', `/grants/${grantId}/revoke`, await stage.person('olga', ['operators'])),
      ],
      [
        'it is revoked by its run',
        async ({ pem }: Certificate, run: Run) =>
          stage.revoke({
            token: pem,
            client_assertion: await run.assertion(),
            client_assertion_type: CLIENT_ASSERTION_TYPE,
          }),
      ],
    ])('%s: it is on the next CRL, and introspection says so', async (_, end) => {
      const run = stage.newRun()
      const certificate = await certified(run)
      const other = await certified()
      expect(await revokedSerials()).not.toContain(certificate.leaf.serialNumber)
      const answer = await end(certificate, run)
      expect(answer.status).toBe(200)
      const serials = await revokedSerials()
      expect(serials).toContain(certificate.leaf.serialNumber)
      expect(serials).not.toContain(other.leaf.serialNumber)
      expect((await stage.introspect(certificate.pem, 'database-api')).body).toEqual({ active: false })
      expect((await stage.introspect(other.pem, 'database-api')).body['active']).toBe(true)
    })

    test('RFC 7009: the PEM alone revokes nothing: everybody whom it met has it', async () => {
      const run = stage.newRun()
      const { pem } = await certified(run)
      const by = async (other: Run) => ({
        token: pem,
        client_assertion: await other.assertion(),
        client_assertion_type: CLIENT_ASSERTION_TYPE,
      })
      expect(errorOf(await stage.revoke({ token: pem }))).toBe('invalid_client 401')
      expect(errorOf(await stage.revoke(await by(stage.newRun())))).toBe('invalid_client 401')
      expect((await stage.introspect(pem, 'database-api')).body['active']).toBe(true)
      expect((await stage.revoke(await by(run))).status).toBe(200)
      expect((await stage.revoke(await by(run))).status).toBe(200)
    })

    test('RFC 7009 §2.2: a certificate that is not ours is answered alike', async () => {
      const args = [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-keyout',
        'k.pem',
      ]
      const foreign = bench.openssl(...args, '-subj', '/CN=foreign', '-days', '1')
      expect((await stage.revoke({ token: foreign })).status).toBe(200)
      expect((await stage.introspect(foreign, 'database-api')).body).toEqual({ active: false })
    })
  })

  describe('RFC 7662: introspection of a certificate', () => {
    test('says what it is for, which the certificate itself does not', async () => {
      const { pem, leaf, id, grantId, taskId } = await certified()
      const { body } = await stage.introspect(pem, 'database-api')
      expect(body).toEqual({
        active: true,
        token_type: 'N_A',
        iss: stage.broker.url,
        sub: expect.stringMatching(/^spiffe:/),
        client_id: expect.stringMatching(/^spiffe:/),
        aud: DATABASE,
        nbf: Date.parse(leaf.validFrom) / 1000,
        exp: Date.parse(leaf.validTo) / 1000,
        jti: id,
        scope: 'read',
        grant_id: grantId,
        task_id: taskId,
        cnf: { 'x5t#S256': hash('sha256', leaf.raw, 'base64url') },
      })
      expect((await stage.introspect(leaf.toString(), 'database-api')).body['active']).toBe(true)
    })

    test('to other resource servers it is not active', async () => {
      const { pem } = await certified()
      expect((await stage.introspect(pem, 'deploy-api')).body).toEqual({ active: false })
    })
  })
})
