import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { decodeJwt } from 'jose'
import { buildCsr } from '../../../src/x509/build-csr.js'
import { athOf, dpopClient, newDpopKey, type DpopClient } from '../../support/dpop.js'
import {
  ACCESS_TOKEN,
  agentId,
  CLIENT_ASSERTION_TYPE,
  credentialOf,
  DATABASE,
  DEFERRAL_CODE,
  DEPLOY,
  deferredForm,
  errorOf,
  exchangeForm,
  JWT,
  openStage,
  pollForm,
  TICKET,
  X509,
  type Credential,
  type Run,
  type Stage,
} from '../exchange/stage.js'
import { STORES } from '../exchange/stores.js'

const KEYED = { scope: 'deploy:keyed' }

describe.each(STORES)('RFC 9449 on $name', (store) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage(store)
  })
  afterAll(() => stage.stop())

  const newClient = (): DpopClient => dpopClient(stage.broker, () => stage.clock.now())
  const keyed = async (client: DpopClient, run: Run = stage.newRun(), form = KEYED): Promise<Credential> =>
    credentialOf(await client.post('/token', exchangeForm(await run.assertion(), form)))

  describe('§5, the token request', () => {
    test('a proof binds the credential to its key: cnf, token_type, introspection', async () => {
      const client = newClient()
      const { token, answer } = await keyed(client)
      expect(answer.body).toMatchObject({ token_type: 'DPoP', issued_token_type: ACCESS_TOKEN })
      expect(decodeJwt(token)).toMatchObject({ cnf: { jkt: client.jkt } })
      const { body } = await stage.introspect(token)
      expect(body).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt: client.jkt } })
    })

    test('a key that nobody asked for binds too; without one there is no binding', async () => {
      const client = newClient()
      const free = { scope: 'deploy:staging' }
      expect((await keyed(client, stage.newRun(), free)).claims).toHaveProperty('cnf.jkt', client.jkt)
      const plain = await stage.ruled(stage.newRun())
      expect(plain.claims).not.toHaveProperty('cnf')
      expect(plain.answer.body).toMatchObject({ token_type: 'Bearer' })
    })

    test.each([
      ['deploy:keyed', DEPLOY, 'invalid_dpop_proof'],
      ['deploy:bound', DEPLOY, 'invalid_dpop_proof'],
      ['certified', DATABASE, 'invalid_request'],
    ])('a tier that asks for a binding gets one, or nothing: %s', async (scope, audience, error) => {
      const run = stage.newRun()
      const assertion = await run.assertion()
      expect(errorOf(await stage.token(exchangeForm(assertion, { audience, scope })))).toBe(error)
      // The assertion has not been spent by that.
      const client = newClient()
      if (scope !== 'certified')
        expect((await client.post('/token', exchangeForm(assertion, { scope }))).status).toBe(200)
    })

    test('a DPoP key is no client certificate', async () => {
      const answer = await newClient().post(
        '/token',
        exchangeForm(await stage.newRun().assertion(), { audience: DATABASE, scope: 'certified' }),
      )
      expect(errorOf(answer)).toBe('invalid_request')
    })

    test('contract §1: tiers that ask for different bindings cannot be joined', async () => {
      const form = { audience: DATABASE, scope: 'keyed certified' }
      const answer = await newClient().post('/token', exchangeForm(await stage.newRun().assertion(), form))
      expect(errorOf(answer)).toBe('invalid_scope')
      expect((await keyed(newClient(), stage.newRun(), { scope: 'deploy:keyed deploy:bound' })).claims).toHaveProperty(
        'cnf',
      )
    })

    test('client_credentials is the same exchange', async () => {
      const client = newClient()
      const answer = await client.post('/token', {
        grant_type: 'client_credentials',
        client_assertion: await stage.newRun().assertion(),
        client_assertion_type: CLIENT_ASSERTION_TYPE,
        audience: DEPLOY,
        ...KEYED,
      })
      expect(credentialOf(answer).claims).toHaveProperty('cnf.jkt', client.jkt)
    })
  })

  describe('§8, nonces', () => {
    test('without one the answer is use_dpop_nonce with a nonce, and the same assertion passes with it', async () => {
      const client = newClient()
      const form = exchangeForm(await stage.newRun().assertion(), KEYED)
      await client.nonce()
      const answer = await client.post('/token', form, { nonce: undefined })
      expect(errorOf(answer)).toBe('use_dpop_nonce')
      expect(answer.headers.get('dpop-nonce')).toMatch(/^[\w-]{22}$/)
      expect((await client.post('/token', form)).status).toBe(200)
    })

    test('a nonce that is old is answered with a new one', async () => {
      const client = newClient()
      const old = await client.nonce()
      stage.clock.advance(400)
      const form = exchangeForm(await stage.newRun().assertion(), KEYED)
      const answer = await client.post('/token', form, { nonce: old })
      expect(errorOf(answer)).toBe('use_dpop_nonce')
      expect(answer.headers.get('dpop-nonce')).not.toBe(old)
      expect((await client.post('/token', form)).status).toBe(200)
    })

    test('§8.2: each answer to a proof carries the next one, and no answer without a proof', async () => {
      const client = newClient()
      const { answer } = await keyed(client)
      expect(answer.headers.get('dpop-nonce')).toMatch(/^[\w-]{22}$/)
      expect((await stage.ruled(stage.newRun())).answer.headers.get('dpop-nonce')).toBeNull()
    })
  })

  describe('§11.1, replay', () => {
    test('a proof serves once, for whatever assertion; the assertion is not spent by the second', async () => {
      const client = newClient()
      const proof = await client.headers('POST', '/token')
      const first = exchangeForm(await stage.newRun().assertion(), KEYED)
      expect((await stage.broker.post('/token', first, proof)).status).toBe(200)
      const second = exchangeForm(await stage.newRun().assertion(), KEYED)
      expect(errorOf(await stage.broker.post('/token', second, proof))).toBe('invalid_dpop_proof')
      expect((await client.post('/token', second)).status).toBe(200)
    })

    test('the same proof many times at once: exactly one passes', async () => {
      const client = newClient()
      const proof = await client.headers('POST', '/token')
      const answers = await Promise.all(
        Array.from({ length: 10 }, async () =>
          stage.broker.post('/token', exchangeForm(await stage.newRun().assertion(), KEYED), proof),
        ),
      )
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    })

    test('an unverified caller uses nothing up: whose proof it is can still send it', async () => {
      const client = newClient()
      const proof = await client.headers('POST', '/token')
      const stranger = exchangeForm(`${await stage.newRun().assertion()}x`, KEYED)
      expect(errorOf(await stage.broker.post('/token', stranger, proof))).toBe('invalid_request')
      const own = exchangeForm(await stage.newRun().assertion(), KEYED)
      expect((await stage.broker.post('/token', own, proof)).status).toBe(200)
    })
  })

  describe('contract §1, reuse: task', () => {
    test('the first use binds an assertion to its key', async () => {
      const [client, other] = [newClient(), newClient()]
      const form = exchangeForm(await stage.job(), KEYED)
      expect((await client.post('/token', form)).status).toBe(200)
      expect((await client.post('/token', form)).status).toBe(200)
      expect(errorOf(await other.post('/token', form))).toBe('invalid_request')
      expect(errorOf(await stage.token({ ...form, scope: 'deploy:staging' }))).toBe('invalid_request')
    })
  })

  describe('contract §3, reuse: task: certificates, whose CSR proves their key', () => {
    const csrOf = (): string => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      stage.broker.secrets.keep(privateKey.export({ format: 'der', type: 'pkcs8' }), 'the key of a certificate')
      return buildCsr(privateKey)
    }
    const asking = (csr: string) => ({ audience: DATABASE, scope: 'keyed', requested_token_type: X509, csr })

    test('where the tier asks for a key, the first use binds an assertion to that of the CSR', async () => {
      const [job, csr] = [await stage.job(), csrOf()]
      const first = await stage.token(exchangeForm(job, asking(csr)))
      const again = await stage.token(exchangeForm(job, asking(csr)))
      expect([first.status, again.status]).toEqual([200, 200])
      expect(errorOf(await stage.token(exchangeForm(job, asking(csrOf()))))).toBe('invalid_request')
    })

    test('a DPoP key that was proved with it binds instead, and both kinds are had in turn', async () => {
      const [client, job] = [newClient(), await stage.job()]
      const jwt = await client.post('/token', exchangeForm(job, { audience: DATABASE, scope: 'keyed' }))
      const one = await client.post('/token', exchangeForm(job, asking(csrOf())))
      const other = await client.post('/token', exchangeForm(job, asking(csrOf())))
      expect([jwt.status, one.status, other.status]).toEqual([200, 200, 200])
      expect(errorOf(await stage.token(exchangeForm(job, asking(csrOf()))))).toBe('invalid_request')
    })

    test('a poll binds it to the key of the CSR that was deferred', async () => {
      const [job, form] = [await stage.job(), { ...asking(csrOf()), scope: 'keyed-write' }]
      const deferred = await stage.token(deferredForm(job, form))
      expect(errorOf(deferred)).toBe('authorization_pending')
      await stage.review(String(deferred.body['grant_id']), 'approve')
      const polled = await stage.token(pollForm(String(deferred.body['deferral_code']), job))
      const again = await stage.token(exchangeForm(job, form))
      expect([polled.status, again.status]).toEqual([200, 200])
      expect(errorOf(await stage.token(exchangeForm(job, { ...form, csr: csrOf() })))).toBe('invalid_request')
    })

    test('where it asks for none, the assertion serves for either kind as before', async () => {
      const job = await stage.job()
      const form = { audience: DATABASE, scope: 'read' }
      const answers = [
        await stage.token(exchangeForm(job, form)),
        await stage.token(exchangeForm(job, { ...asking(csrOf()), ...form })),
        await stage.token(exchangeForm(job, { ...asking(csrOf()), ...form })),
      ]
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    })
  })

  describe('§7, presenting a bound credential to the broker', () => {
    const completed = async (client: DpopClient, credential: Credential) =>
      client.call('POST', `/tasks/${credential.taskId}/complete`, credential.token)

    test('contract, "Who may call what": the holder of a bound credential completes its task', async () => {
      const client = newClient()
      const credential = await keyed(client)
      const answer = await completed(client, credential)
      expect([answer.status, answer.body['status']]).toEqual([200, 'completed'])
      expect(await stage.isLive(credential)).toBe(false)
      // Again, and nothing changes.
      expect((await completed(client, credential)).status).toBe(200)
    })

    test('§7.2: it is no bearer token, proof or not', async () => {
      const client = newClient()
      const { token, taskId } = await keyed(client)
      const path = `/tasks/${taskId}/complete`
      const bearer = await stage.broker.call('POST', path, token)
      expect(bearer.status).toBe(401)
      expect(bearer.headers.get('www-authenticate')).toMatch(/^DPoP error="invalid_token", algs="[\w ]*ES256[\w ]*"$/)
      const proof = await client.headers('POST', path, { ath: athOf(token) })
      const both = await stage.broker.fetch(path, {
        method: 'POST',
        headers: { ...proof, Authorization: `Bearer ${token}` },
      })
      expect(both.status).toBe(401)
      expect(await stage.isLive({ token })).toBe(true)
    })

    test('§7.1: an unbound one is no DPoP token, and neither is an assertion', async () => {
      const client = newClient()
      const { token, taskId } = await stage.ruled(stage.newRun())
      for (const presented of [token, await stage.newRun().assertion()]) {
        const answer = await client.call('POST', `/tasks/${taskId}/complete`, presented)
        expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
          401,
          expect.stringMatching(/^DPoP error="invalid_token"/),
        ])
      }
    })

    test('the proof is for the token, the path, the method, and of the key', async () => {
      const client = newClient()
      const { token, taskId } = await keyed(client)
      const path = `/tasks/${taskId}/complete`
      const wrong = [
        { ath: undefined },
        { ath: athOf('another') },
        { htu: `${stage.broker.url}/token` },
        { htu: `${stage.broker.url}/tasks/${taskId}` },
        { htm: 'GET' },
        { iat: stage.clock.now() - 600 },
      ]
      for (const claims of wrong) {
        const answer = await client.call('POST', path, token, undefined, claims)
        expect([claims, answer.status, answer.headers.get('www-authenticate')]).toEqual([
          claims,
          401,
          expect.stringMatching(/^DPoP error="invalid_dpop_proof", algs="/),
        ])
      }
      const other = await newClient().call('POST', path, token)
      expect([other.status, other.body['type']]).toEqual([401, 'urn:errand:problem:invalid_token'])
      expect(await stage.isLive({ token })).toBe(true)
    })

    test('who has the token and another key uses nothing up: the store keeps no proof of theirs', async () => {
      const { token, taskId } = await keyed(newClient())
      const path = `/tasks/${taskId}/complete`
      const proof = await newClient().headers('POST', path, { ath: athOf(token) })
      const init = { method: 'POST', headers: { ...proof, Authorization: `DPoP ${token}` } }
      for (const _time of ['first', 'second']) {
        const answer = await stage.broker.fetch(path, init)
        expect([answer.status, answer.body['type']]).toEqual([401, 'urn:errand:problem:invalid_token'])
      }
    })

    test('§9: a nonce is asked for by a challenge', async () => {
      const client = newClient()
      const { token, taskId } = await keyed(client)
      const path = `/tasks/${taskId}/complete`
      const answer = await client.call('POST', path, token, undefined, { nonce: undefined })
      expect(answer.status).toBe(401)
      expect(answer.headers.get('www-authenticate')).toMatch(/^DPoP error="use_dpop_nonce", algs="/)
      expect(answer.headers.get('dpop-nonce')).not.toBeNull()
      expect((await client.call('POST', path, token)).status).toBe(200)
    })

    test('a proof serves once here too', async () => {
      const client = newClient()
      const { token, taskId } = await keyed(client)
      const path = `/tasks/${taskId}/complete`
      const proof = await client.headers('POST', path, { ath: athOf(token) })
      const init = { method: 'POST', headers: { ...proof, Authorization: `DPoP ${token}` } }
      expect((await stage.broker.fetch(path, init)).status).toBe(200)
      expect((await stage.broker.fetch(path, init)).status).toBe(401)
    })

    test('a credential that was revoked completes nothing', async () => {
      const client = newClient()
      const run = stage.newRun()
      const [first, second] = [await keyed(client, run), await keyed(client, run)]
      expect((await client.post('/revoke', { token: first.token })).status).toBe(200)
      expect((await completed(client, first)).status).toBe(403)
      expect(await stage.isLive(second)).toBe(true)
    })
  })

  describe('RFC 7009: revoking a bound credential', () => {
    test('takes a proof of its key, with or without ath', async () => {
      const client = newClient()
      for (const claims of [{}, { ath: 'token' }]) {
        const credential = await keyed(client)
        const { token } = credential
        expect(errorOf(await stage.revoke({ token }))).toBe('invalid_dpop_proof')
        expect(errorOf(await newClient().post('/revoke', { token }))).toBe('invalid_dpop_proof')
        expect(errorOf(await client.post('/revoke', { token }, { ath: athOf('another') }))).toBe('invalid_dpop_proof')
        expect(errorOf(await client.post('/revoke', { token }, { nonce: 'old' }))).toBe('use_dpop_nonce')
        expect(await stage.isLive(credential)).toBe(true)
        expect((await client.post('/revoke', { token }, 'ath' in claims ? { ath: athOf(token) } : {})).status).toBe(200)
        expect(await stage.isLive(credential)).toBe(false)
      }
    })

    test('an equal token may accompany it, and by the scheme DPoP the proof names it', async () => {
      const client = newClient()
      const { token } = await keyed(client)
      const sent = async (claims: Record<string, unknown>, scheme: string, presented = token) =>
        stage.revoke(
          { token },
          { ...(await client.headers('POST', '/revoke', claims)), Authorization: `${scheme} ${presented}` },
        )
      expect(errorOf(await sent({}, 'DPoP'))).toBe('invalid_dpop_proof')
      expect(errorOf(await sent({ ath: athOf(token) }, 'DPoP', 'another'))).toBe('invalid_request')
      expect((await sent({ ath: athOf(token) }, 'DPoP')).status).toBe(200)
    })

    test('one proof ends one credential', async () => {
      const client = newClient()
      const [one, two] = [await keyed(client), await keyed(client)]
      const proof = await client.headers('POST', '/revoke')
      expect((await stage.revoke({ token: one.token }, proof)).status).toBe(200)
      expect(errorOf(await stage.revoke({ token: two.token }, proof))).toBe('invalid_dpop_proof')
    })
  })

  describe('Deferred Token Response, "Sender-Constraint Requirements"', () => {
    const ask = { scope: 'deploy:keyed-production', completion_mode: 'deferred', purpose: 'deploy' }
    const byKey = (code: string) => ({ grant_type: pollForm(code, '')['grant_type'] ?? '', deferral_code: code })
    const deferredBy = async (client: DpopClient, form: Record<string, string>) => {
      const { body } = await client.post('/token', form)
      if (body['error'] !== 'authorization_pending') throw new Error(JSON.stringify(body))
      return { code: String(body['deferral_code']), grantId: String(body['grant_id']) }
    }
    const withClient = (assertion: string, form: Record<string, string> = {}) =>
      exchangeForm(assertion, {
        ...ask,
        client_assertion: assertion,
        client_assertion_type: CLIENT_ASSERTION_TYPE,
        ...form,
      })

    test('a request without a proof of any kind is not deferred', async () => {
      const answer = await stage.token(
        exchangeForm(await stage.newRun().assertion(), { ...ask, scope: 'deploy:production' }),
      )
      expect(errorOf(answer)).toBe('access_denied')
    })

    test('bound to a key alone: whoever has the key polls, and gets a credential that is bound to it', async () => {
      const client = newClient()
      const run = stage.newRun()
      const { code, grantId } = await deferredBy(client, exchangeForm(await run.assertion(), ask))
      expect(errorOf(await stage.token(byKey(code)))).toBe('invalid_client 401')
      expect(errorOf(await newClient().post('/token', byKey(code)))).toBe('invalid_grant')
      expect(errorOf(await client.post('/token', pollForm(code, await run.assertion())))).toBe('invalid_grant')
      expect(errorOf(await client.post('/token', byKey(code)))).toBe('authorization_pending')
      await stage.review(grantId, 'approve')
      stage.clock.advance(6)
      const credential = credentialOf(await client.post('/token', byKey(code)))
      expect(credential.claims).toMatchObject({ cnf: { jkt: client.jkt }, sub: 'spiffe://errand.test/ci/74' })
      expect(credential.grantId).toBe(grantId)
      expect(errorOf(await client.post('/token', byKey(code)))).toBe('invalid_grant')
    })

    test('bound to a key and an assertion: each poll needs both', async () => {
      const client = newClient()
      const run = stage.newRun()
      const { code, grantId } = await deferredBy(client, withClient(await run.assertion()))
      await stage.review(grantId, 'approve')
      expect(errorOf(await stage.poll(run, code))).toBe('invalid_grant')
      expect(errorOf(await client.post('/token', byKey(code)))).toBe('invalid_grant')
      expect(errorOf(await newClient().post('/token', pollForm(code, await run.assertion())))).toBe('invalid_grant')
      const credential = credentialOf(await client.post('/token', pollForm(code, await run.assertion())))
      expect(credential.claims).toHaveProperty('cnf.jkt', client.jkt)
    })

    test('the poll of a run that has ended is refused, its key or not', async () => {
      const client = newClient()
      const run = stage.newRun()
      const { code } = await deferredBy(client, exchangeForm(await run.assertion(), ask))
      const other = await stage.ruled(run)
      await stage.broker.call('POST', `/tasks/${other.taskId}/complete`, await run.assertion())
      expect(errorOf(await client.post('/token', byKey(code)))).toBe('access_denied')
    })

    test('a poll with a proof that was used says so, and changes nothing', async () => {
      const client = newClient()
      const { code } = await deferredBy(client, exchangeForm(await stage.newRun().assertion(), ask))
      const proof = await client.headers('POST', '/token')
      expect(errorOf(await stage.broker.post('/token', byKey(code), proof))).toBe('authorization_pending')
      stage.clock.advance(6)
      expect(errorOf(await stage.broker.post('/token', byKey(code), proof))).toBe('invalid_dpop_proof')
    })

    test('equal requests join by the same key only', async () => {
      const [client, other] = [newClient(), newClient()]
      const run = stage.newRun()
      const first = await deferredBy(client, exchangeForm(await run.assertion(), ask))
      const again = await deferredBy(client, exchangeForm(await run.assertion(), ask))
      const others = await deferredBy(other, exchangeForm(await run.assertion(), ask))
      expect(again.grantId).toBe(first.grantId)
      expect(others.grantId).not.toBe(first.grantId)
      await stage.review(first.grantId, 'deny')
      expect(errorOf(await client.post('/token', exchangeForm(await run.assertion(), ask)))).toBe('access_denied')
    })

    test('cancelling takes what a poll takes; with the last code the request is withdrawn', async () => {
      const client = newClient()
      const { code, grantId } = await deferredBy(client, exchangeForm(await stage.newRun().assertion(), ask))
      const cancel = { token: code, token_type_hint: DEFERRAL_CODE }
      expect(errorOf(await stage.revoke(cancel))).toBe('invalid_client 401')
      expect((await newClient().post('/revoke', cancel)).status).toBe(200)
      expect(errorOf(await client.post('/token', byKey(code)))).toBe('authorization_pending')
      expect((await client.post('/revoke', cancel)).status).toBe(200)
      stage.clock.advance(6)
      expect(errorOf(await client.post('/token', byKey(code)))).toBe('access_denied')
      const { body } = await stage.broker.call('GET', `/grants/${grantId}`, await stage.person('ann'))
      expect(body).toMatchObject({ status: 'withdrawn', ended: { by: 'spiffe://errand.test/ci/74' } })
    })
  })

  describe('contract §1, "Handing on": each side its own key', () => {
    async function parent(client: DpopClient): Promise<{ run: Run; credential: Credential }> {
      const run = stage.newRun()
      const asked = await stage.broker.call('POST', '/grants', await run.assertion(), {
        access: [{ audience: DEPLOY, scope: 'deploy:keyed-production' }],
        delegation: { to: [agentId('one'), agentId('two')], max_depth: 2, max_children: 3 },
        purpose: 'hand on',
      })
      await stage.review(String(asked.body['id']), 'approve')
      return { run, credential: await keyed(client, run, { scope: 'deploy:keyed-production' }) }
    }
    const ticketForm = (token: string, actor = 'one') => ({
      ...exchangeForm(token, { subject_token_type: ACCESS_TOKEN }),
      requested_token_type: TICKET,
      scope: 'deploy:keyed-production',
      actor: agentId(actor),
    })
    const redeemForm = async (ticket: string, name = 'one') => ({
      ...exchangeForm(ticket, { subject_token_type: TICKET }),
      scope: 'deploy:keyed-production',
      actor_token: await stage.agent(name),
      actor_token_type: JWT,
    })

    test('the parent proves its key, and needs no assertion then', async () => {
      const client = newClient()
      const { credential } = await parent(client)
      expect(errorOf(await stage.token(ticketForm(credential.token)))).toBe('invalid_dpop_proof')
      expect(errorOf(await newClient().post('/token', ticketForm(credential.token)))).toBe('invalid_dpop_proof')
      const made = await client.post('/token', ticketForm(credential.token))
      expect(made.body).toMatchObject({ issued_token_type: TICKET, token_type: 'N_A' })
    })

    test('its assertion alone is not enough for a bound parent', async () => {
      const { run, credential } = await parent(newClient())
      const form = {
        ...ticketForm(credential.token),
        client_assertion: await run.assertion(),
        client_assertion_type: CLIENT_ASSERTION_TYPE,
      }
      expect(errorOf(await stage.token(form))).toBe('invalid_dpop_proof')
    })

    test('the child redeems with its own key, never with its parent’s; what it gets hands on by that key', async () => {
      const [client, child] = [newClient(), newClient()]
      const { credential } = await parent(client)
      const ticket = String((await client.post('/token', ticketForm(credential.token))).body['access_token'])
      expect(errorOf(await stage.token(await redeemForm(ticket)))).toBe('invalid_dpop_proof')
      const handed = credentialOf(await child.post('/token', await redeemForm(ticket)))
      expect(handed.claims).toMatchObject({ cnf: { jkt: child.jkt }, act: { sub: agentId('one') } })
      expect(errorOf(await client.post('/token', ticketForm(handed.token, 'two')))).toBe('invalid_dpop_proof')
      const next = await child.post('/token', ticketForm(handed.token, 'two'))
      expect(next.body).toMatchObject({ token_type: 'N_A' })
      // A child completes its own subtree, by its key.
      const done = await child.call('POST', `/tasks/${handed.taskId}/complete`, handed.token)
      expect([done.status, done.body['status']]).toEqual([200, 'open'])
      expect([await stage.isLive(handed), await stage.isLive(credential)]).toEqual([false, true])
    })

    test('once the run of the parent has ended, its key gets no ticket', async () => {
      const client = newClient()
      const { run, credential } = await parent(client)
      const other = await stage.ruled(run)
      await stage.broker.call('POST', `/tasks/${other.taskId}/complete`, await run.assertion())
      expect(errorOf(await client.post('/token', ticketForm(credential.token)))).toMatch(/access_denied|invalid_grant/)
    })
  })

  test('the evidence says which key a credential is bound to', async () => {
    const client = dpopClient(stage.broker, () => stage.clock.now(), newDpopKey())
    const { grantId } = await keyed(client)
    const issued = (await stage.events(`grant_id=${grantId}`)).find(({ type }) => type === 'credential.issued')
    expect(issued?.['data']).toMatchObject({ cnf: { jkt: client.jkt } })
  })
})
