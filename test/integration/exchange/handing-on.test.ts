import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { decodeJwt } from 'jose'
import type { CredentialId } from '../../../src/runtime/ids.js'
import type { Answer } from '../../support/broker.js'
import {
  ACCESS_TOKEN,
  agentId,
  CLIENT_ASSERTION_TYPE,
  credentialOf,
  DEPLOY,
  errorOf,
  exchangeForm,
  JWT,
  openStage,
  OTHER,
  TICKET,
  type Credential,
  type Run,
  type Stage,
} from './stage.js'
import { STORES } from './stores.js'

const DETAILS = [{ type: 'database_query', tables: ['a', 'b'] }]

describe.each(STORES)('contract §1, Handing on, on $name', (store) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage(store)
  })
  afterAll(() => stage.stop())

  /** A run whose grant lets it hand on to these agents, and its credential. */
  async function parent(delegation: Record<string, unknown> = {}): Promise<{ run: Run; credential: Credential }> {
    const run = stage.newRun()
    const asked = await stage.broker.call('POST', '/grants', await run.assertion(), {
      access: [
        { audience: DEPLOY, scope: 'deploy:production deploy:rollback', authorization_details: DETAILS },
        { audience: OTHER, scope: 'read' },
      ],
      delegation: { to: ['one', 'two', 'three'].map(agentId), max_depth: 2, max_children: 3, ...delegation },
      purpose: 'hand on',
    })
    if (asked.status !== 201) throw new Error(JSON.stringify(asked.body))
    await stage.review(String(asked.body['id']), 'approve')
    const form = {
      scope: 'deploy:production deploy:rollback',
      authorization_details: JSON.stringify(DETAILS),
      grant_id: String(asked.body['id']),
    }
    return { run, credential: credentialOf(await stage.token(exchangeForm(await run.assertion(), form))) }
  }
  const ticketForm = (token: string, assertion: string, form: Record<string, string> = {}): Record<string, string> => ({
    ...exchangeForm(token, { subject_token_type: ACCESS_TOKEN }),
    client_assertion: assertion,
    client_assertion_type: CLIENT_ASSERTION_TYPE,
    requested_token_type: TICKET,
    scope: 'deploy:production',
    actor: agentId('one'),
    ...form,
  })
  const askTicket = async (holder: Run | string, token: string, form: Record<string, string> = {}): Promise<Answer> =>
    stage.token(
      ticketForm(token, typeof holder === 'string' ? await stage.agent(holder) : await holder.assertion(), form),
    )
  async function ticketOf(holder: Run | string, token: string, form: Record<string, string> = {}): Promise<string> {
    const answer = await askTicket(holder, token, form)
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body))
    return String(answer.body['access_token'])
  }
  const redeem = async (agent: string, ticket: string, form: Record<string, string> = {}): Promise<Answer> =>
    stage.token({
      ...exchangeForm(ticket, { subject_token_type: TICKET }),
      actor_token: await stage.agent(agent),
      actor_token_type: JWT,
      scope: 'deploy:production',
      ...form,
    })
  const handOn = async (holder: Run | string, token: string, to: string): Promise<Credential> =>
    credentialOf(await redeem(to, await ticketOf(holder, token, { actor: agentId(to) })))

  test('the whole chain: a ticket, a child, a ticket of the child, a grandchild', async () => {
    const { run, credential } = await parent()
    const answer = await askTicket(run, credential.token)
    expect(answer).toMatchObject({
      status: 200,
      body: {
        issued_token_type: TICKET,
        token_type: 'N_A',
        expires_in: 60,
        scope: 'deploy:production',
        task_id: credential.taskId,
      },
    })
    const ticket = decodeJwt(String(answer.body['access_token']))
    expect(ticket).toMatchObject({
      iss: stage.broker.url,
      aud: stage.broker.url,
      may_act: { sub: agentId('one') },
      sub: 'spiffe://errand.test/ci/74',
    })
    expect((ticket.exp ?? 0) - (ticket.iat ?? 0)).toBe(60)

    const child = credentialOf(await redeem('one', String(answer.body['access_token'])))
    expect(child.claims).toMatchObject({
      sub: 'spiffe://errand.test/ci/74',
      client_id: agentId('one'),
      act: { sub: agentId('one'), act: { sub: 'spiffe://errand.test/ci/74' } },
      scope: 'deploy:production',
      grant_id: credential.grantId,
      task_id: credential.taskId,
    })
    expect(child.claims['authorization_details']).toBeUndefined()

    const grandchild = await handOn('one', child.token, 'two')
    expect(grandchild.claims['act']).toEqual({
      sub: agentId('two'),
      act: { sub: agentId('one'), act: { sub: 'spiffe://errand.test/ci/74' } },
    })
    expect(errorOf(await askTicket('two', grandchild.token, { actor: agentId('three') }))).toBe('access_denied')
    const { body } = await stage.introspect(grandchild.token)
    expect(body).toMatchObject({ active: true, act: grandchild.claims['act'], grant_id: credential.grantId })
  })

  test('invariant 4: a child lives no longer than its parent, and its parent’s ticket no longer than it', async () => {
    const { run } = await parent()
    const short = credentialOf(
      await stage.token(exchangeForm(await run.assertion(), { scope: 'deploy:production', lifetime: '40' })),
    )
    const ticket = await ticketOf(run, short.token)
    expect(decodeJwt(ticket).exp).toBe(short.claims.exp)
    await stage.later(20)
    const child = credentialOf(await redeem('one', ticket, { lifetime: '999' }))
    expect(child.claims.exp).toBe(short.claims.exp)
  })

  test('lifetime shortens a ticket, and a child', async () => {
    const { run, credential } = await parent()
    const ticket = await ticketOf(run, credential.token, { lifetime: '5' })
    expect((decodeJwt(ticket).exp ?? 0) - stage.clock.now()).toBe(5)
    expect((await redeem('one', ticket, { lifetime: '7' })).body['expires_in']).toBe(7)
  })

  describe('who may be handed to, how deep, how often', () => {
    test.each([
      ['an empty list means nobody', { to: [], max_depth: 0 }, 'one'],
      ['not in the list', {}, 'four'],
      ['not in the list: a prefix', {}, 'on'],
    ])('%s', async (_, delegation, actor) => {
      const { run, credential } = await parent(delegation)
      expect(errorOf(await askTicket(run, credential.token, { actor: agentId(actor) }))).toBe('access_denied')
    })

    test('a grant that an exchange asked for hands nothing on', async () => {
      const run = stage.newRun()
      const credential = await stage.granted(run)
      expect(errorOf(await askTicket(run, credential.token))).toBe('access_denied')
    })

    test('depth 1: the child does not hand on', async () => {
      const { run, credential } = await parent({ max_depth: 1 })
      const child = await handOn(run, credential.token, 'one')
      expect(errorOf(await askTicket('one', child.token, { actor: agentId('two') }))).toBe('access_denied')
    })

    test('so many children for each holder, for the life of the task', async () => {
      const { run, credential } = await parent({ max_children: 2 })
      const first = await handOn(run, credential.token, 'one')
      await handOn(run, credential.token, 'two')
      const third = await ticketOf(run, credential.token, { actor: agentId('three') })
      expect(errorOf(await redeem('three', third))).toBe('access_denied')
      // Not by a fresh credential either; a child has its own count.
      const renewed = credentialOf(
        await stage.token(exchangeForm(await run.assertion(), { scope: 'deploy:production' })),
      )
      expect(errorOf(await redeem('three', await ticketOf(run, renewed.token, { actor: agentId('three') })))).toBe(
        'access_denied',
      )
      await handOn('one', first.token, 'two')
    })

    test('of twenty tickets redeemed at once, as many children as there may be', async () => {
      const { run, credential } = await parent({ max_children: 3 })
      const tickets = await Promise.all(Array.from({ length: 20 }, () => ticketOf(run, credential.token)))
      const answers = await Promise.all(tickets.map((ticket) => redeem('one', ticket)))
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(3)
      expect(new Set(answers.map(errorOf))).toEqual(new Set(['none 200', 'access_denied']))
    })
  })

  describe('issued ⊆ asked ∩ grant ∩ parent', () => {
    test.each([
      ['scope that the parent has not', { scope: 'deploy:critical' }, 'invalid_scope'],
      ['scope that the grant has and the parent has not', { audience: OTHER, scope: 'read' }, 'invalid_target'],
      ['scope that is unknown', { scope: 'x' }, 'invalid_scope'],
      ['nothing', { scope: '' }, 'invalid_scope'],
      ['an unknown target', { audience: 'x' }, 'invalid_target'],
      ['two targets', { resource: OTHER }, 'invalid_target'],
      [
        'wider details',
        { authorization_details: JSON.stringify([{ type: 'database_query', tables: ['c'] }]) },
        'invalid_authorization_details',
      ],
      ['another grant', { grant_id: 'gr_47000000000000000000000000000000aa' }, 'invalid_grant'],
    ])('a ticket for %s', async (_, form, error) => {
      const { run, credential } = await parent()
      expect(errorOf(await askTicket(run, credential.token, form))).toBe(error)
    })

    test.each([
      ['more scope', { scope: 'deploy:production deploy:rollback' }, 'invalid_scope'],
      ['other scope', { scope: 'deploy:rollback' }, 'invalid_scope'],
      ['another target', { audience: OTHER, scope: 'read' }, 'invalid_target'],
      ['details', { authorization_details: JSON.stringify(DETAILS) }, 'invalid_authorization_details'],
      ['another grant', { grant_id: 'gr_47000000000000000000000000000000aa' }, 'invalid_grant'],
    ])('a child asks for %s than the ticket has', async (_, form, error) => {
      const { run, credential } = await parent()
      const ticket = await ticketOf(run, credential.token)
      expect(errorOf(await redeem('one', ticket, form))).toBe(error)
      // Refused is not redeemed.
      expect((await redeem('one', ticket)).status).toBe(200)
    })

    test('a child may ask for less', async () => {
      const { run, credential } = await parent()
      const authorization_details = JSON.stringify(DETAILS)
      const ticket = await ticketOf(run, credential.token, {
        scope: 'deploy:production deploy:rollback',
        authorization_details,
      })
      const less = [{ type: 'database_query', tables: ['b'] }]
      const child = credentialOf(
        await redeem('one', ticket, { scope: 'deploy:rollback', authorization_details: JSON.stringify(less) }),
      )
      expect(child.claims).toMatchObject({ scope: 'deploy:rollback', authorization_details: less })
    })
  })

  describe('invariant 5: a credential cannot be laundered', () => {
    test('to get a credential, nothing of this broker but a ticket passes as subject_token', async () => {
      const { run, credential } = await parent()
      const assertion = await run.assertion()
      const proof = {
        client_assertion: assertion,
        client_assertion_type: CLIENT_ASSERTION_TYPE,
        scope: 'deploy:production',
      }
      for (const type of [ACCESS_TOKEN, JWT, TICKET, 'urn:ietf:params:oauth:token-type:id_token'])
        for (const requested of [ACCESS_TOKEN, JWT])
          expect(
            errorOf(
              await stage.token(
                exchangeForm(credential.token, { ...proof, subject_token_type: type, requested_token_type: requested }),
              ),
            ),
          ).toBe('invalid_request')
    })

    test('nor as client_assertion, actor_token, or Bearer of a workload', async () => {
      const { run, credential } = await parent()
      const ticket = await ticketOf(run, credential.token)
      for (const token of [credential.token, ticket]) {
        const client = { client_assertion: token, client_assertion_type: CLIENT_ASSERTION_TYPE }
        const credentials = { grant_type: 'client_credentials', audience: DEPLOY, scope: 'deploy:staging', ...client }
        expect(errorOf(await stage.token(credentials))).toMatch(/^invalid_(request|client 401)$/)
        expect(errorOf(await stage.token(exchangeForm(await run.assertion(), client)))).toBe('invalid_client 401')
        expect(errorOf(await redeem('one', ticket, { actor_token: token }))).toBe('invalid_request')
        expect((await stage.broker.call('POST', '/grants', token, {})).status).toBeGreaterThanOrEqual(400)
      }
      expect((await redeem('one', ticket)).status).toBe(200)
    })

    test('a ticket gets no ticket, and works nowhere else', async () => {
      const { run, credential } = await parent()
      const ticket = await ticketOf(run, credential.token)
      expect(errorOf(await askTicket(run, ticket, { subject_token_type: TICKET }))).toBe('invalid_request')
      expect(errorOf(await askTicket(run, ticket))).toBe('invalid_request')
      expect((await stage.introspect(ticket)).body).toEqual({ active: false })
      expect((await stage.broker.call('GET', `/tasks/${credential.taskId}`, ticket)).status).toBe(401)
    })

    test('the credential alone gets no ticket: a resource server has it too', async () => {
      const { run, credential } = await parent()
      const alone = ticketForm(credential.token, '')
      expect(errorOf(await stage.token({ ...alone, client_assertion_type: '' }))).toBe('invalid_client 401')
      for (const assertion of [
        'x.y.z',
        await stage.newRun().assertion(),
        await stage.agent('one'),
        await stage.person('ann'),
      ])
        expect(errorOf(await stage.token(ticketForm(credential.token, assertion)))).toBe('invalid_client 401')
      const somebody = { client_id: 'somebody' }
      expect(errorOf(await askTicket(run, credential.token, somebody))).toBe('invalid_client 401')
    })

    test('a child’s credential is not handed on by its parent, nor the parent’s by the child', async () => {
      const { run, credential } = await parent()
      const child = await handOn(run, credential.token, 'one')
      expect(errorOf(await askTicket(run, child.token, { actor: agentId('two') }))).toBe('invalid_client 401')
      expect(errorOf(await askTicket('one', credential.token, { actor: agentId('two') }))).toBe('invalid_client 401')
    })

    test('an assertion used for a ticket is used', async () => {
      const { run, credential } = await parent()
      const assertion = await run.assertion()
      expect((await stage.token(ticketForm(credential.token, assertion))).status).toBe(200)
      expect(errorOf(await stage.token(ticketForm(credential.token, assertion)))).toBe('invalid_client 401')
      expect(errorOf(await stage.token(exchangeForm(assertion)))).toBe('invalid_request')
    })

    test('changed by one character, neither a credential nor a ticket is ours', async () => {
      const { run, credential } = await parent()
      const ticket = await ticketOf(run, credential.token)
      const flip = (token: string, part: number) =>
        token
          .split('.')
          .map((text, at) =>
            at === part ? `${text.slice(0, 20)}${text[20] === 'A' ? 'B' : 'A'}${text.slice(21)}` : text,
          )
          .join('.')
      for (const part of [0, 1, 2]) {
        expect(errorOf(await askTicket(run, flip(credential.token, part)))).toBe('invalid_request')
        expect(errorOf(await redeem('one', flip(ticket, part)))).toBe('invalid_request')
      }
    })
  })

  describe('redeeming a ticket', () => {
    test('once', async () => {
      const { run, credential } = await parent()
      const ticket = await ticketOf(run, credential.token)
      expect((await redeem('one', ticket)).status).toBe(200)
      expect(errorOf(await redeem('one', ticket))).toBe('invalid_request')
    })

    test('of fifty at once, one succeeds', async () => {
      const { run, credential } = await parent()
      const ticket = await ticketOf(run, credential.token)
      const answers = await Promise.all(Array.from({ length: 50 }, () => redeem('one', ticket)))
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    })

    test('within its 60 seconds', async () => {
      const { run, credential } = await parent()
      const [early, late] = [await ticketOf(run, credential.token), await ticketOf(run, credential.token)]
      await stage.later(59)
      expect((await redeem('one', early)).status).toBe(200)
      await stage.later(1)
      expect(errorOf(await redeem('one', late))).toBe('invalid_request')
    })

    test('by its actor only', async () => {
      const { run, credential } = await parent()
      const ticket = await ticketOf(run, credential.token)
      expect(errorOf(await redeem('two', ticket))).toBe('invalid_request')
      expect(errorOf(await redeem('one', ticket, { actor_token: await run.assertion() }))).toBe('invalid_request')
      expect((await redeem('one', ticket)).status).toBe(200)
    })

    test.each([
      ['without an actor_token', { actor_token: '', actor_token_type: '' }, 'invalid_request'],
      ['with a bad one', { actor_token: 'x.y.z' }, 'invalid_request'],
      ['as an access token', { subject_token_type: ACCESS_TOKEN }, 'invalid_request'],
      ['as an assertion', { subject_token_type: JWT }, 'invalid_request'],
      [
        'with another client_assertion',
        { client_assertion: 'x.y.z', client_assertion_type: CLIENT_ASSERTION_TYPE },
        'invalid_request',
      ],
    ])('%s: refused', async (_, form, error) => {
      const { run, credential } = await parent()
      expect(errorOf(await redeem('one', await ticketOf(run, credential.token), form))).toBe(error)
    })

    test('revoked, it is used up', async () => {
      const { run, credential } = await parent()
      const ticket = await ticketOf(run, credential.token)
      expect((await stage.revoke({ token: ticket })).status).toBe(200)
      expect(errorOf(await redeem('one', ticket))).toBe('invalid_request')
    })
  })

  describe('ending a parent ends its whole tree', () => {
    async function tree() {
      const { run, credential } = await parent()
      const child = await handOn(run, credential.token, 'one')
      const grandchild = await handOn('one', child.token, 'two')
      const sibling = await handOn(run, credential.token, 'three')
      return { run, credential, child, grandchild, sibling, all: [credential, child, grandchild, sibling] }
    }
    const live = async (all: readonly Credential[]) => Promise.all(all.map((one) => stage.isLive(one)))

    test('the credential', async () => {
      const { run, credential, all } = await tree()
      const [ticket, childTicket] = [
        await ticketOf(run, credential.token),
        await ticketOf('one', all[1]?.token ?? '', { actor: agentId('three') }),
      ]
      await stage.revoke({ token: credential.token })
      expect(await live(all)).toEqual([false, false, false, false])
      expect(errorOf(await redeem('one', ticket))).toBe('invalid_request')
      expect(errorOf(await redeem('three', childTicket))).toBe('invalid_request')
      expect(errorOf(await askTicket(run, credential.token))).toBe('invalid_request')
      expect(errorOf(await askTicket('one', all[1]?.token ?? '', { actor: agentId('two') }))).toBe('invalid_request')
    })

    test('a child: its own subtree only', async () => {
      const { child, all } = await tree()
      await stage.revoke({ token: child.token })
      expect(await live(all)).toEqual([true, false, false, true])
    })

    test('the task', async () => {
      const { run, credential, child, all } = await tree()
      const [ticket, grandTicket] = [
        await ticketOf(run, credential.token),
        await ticketOf('one', child.token, { actor: agentId('two') }),
      ]
      await stage.broker.call('POST', `/tasks/${credential.taskId}/complete`, await run.assertion())
      expect(await live(all)).toEqual([false, false, false, false])
      expect(errorOf(await redeem('one', ticket))).toBe('invalid_grant')
      expect(errorOf(await redeem('two', grandTicket))).toBe('invalid_grant')
      expect(errorOf(await askTicket('one', child.token, { actor: agentId('two') }))).toBe('invalid_grant')
      // The parent's own run has ended with it.
      expect(errorOf(await askTicket(run, credential.token))).toBe('access_denied')
    })

    test('the grant', async () => {
      const { run, credential, child, all } = await tree()
      const ticket = await ticketOf(run, credential.token)
      await stage.broker.call('POST', `/grants/${credential.grantId}/revoke`, await stage.person('op', ['operators']))
      expect(await live(all)).toEqual([false, false, false, false])
      expect(errorOf(await redeem('one', ticket))).toBe('invalid_grant')
      expect(errorOf(await askTicket('one', child.token, { actor: agentId('two') }))).toBe('invalid_grant')
    })

    test('time: nothing outlives the grant', async () => {
      const { credential, all } = await tree()
      await stage.later(300)
      expect(await live(all)).toEqual([false, false, false, false])
      expect(credential.claims.exp).toBe(stage.clock.now())
    })
  })

  test('an agent whose own run has ended redeems nothing', async () => {
    const child = stage.newRun({ repository_id: '80' })
    const { run, credential } = await parent({ to: ['spiffe://errand.test/ci/80'] })
    const own = await stage.granted(child)
    const actor = { actor: 'spiffe://errand.test/ci/80' }
    const ticket = await ticketOf(run, credential.token, actor)
    await stage.broker.call('POST', `/tasks/${own.taskId}/complete`, await child.assertion())
    expect(errorOf(await redeem('one', ticket, { actor_token: await child.assertion() }))).toBe('access_denied')
  })

  test('an agent whose own run ends while it redeems gets nothing: what was recorded is voided', async () => {
    const child = stage.newRun({ repository_id: '80' })
    const { run, credential } = await parent({ to: ['spiffe://errand.test/ci/80'] })
    const own = await stage.granted(child)
    const ticket = await ticketOf(run, credential.token, { actor: 'spiffe://errand.test/ci/80' })
    const { stores, sweeper } = stage.broker.broker
    const { issuance } = stores
    const recorded: CredentialId[] = []
    const record: typeof issuance.record = async (given) => {
      recorded.push(given.credential.id)
      await stage.broker.call('POST', `/tasks/${own.taskId}/complete`, await child.assertion())
      return issuance.record(given)
    }
    Object.assign(stores, {
      issuance: new Proxy(issuance, {
        get: (port, name): unknown => (name === 'record' ? record : Reflect.get(port, name)),
      }),
    })
    try {
      expect(errorOf(await redeem('one', ticket, { actor_token: await child.assertion() }))).toBe('access_denied')
    } finally {
      Object.assign(stores, { issuance })
    }
    expect(recorded).toHaveLength(1)
    stage.clock.advance(60)
    await sweeper.sweep()
    for (const id of recorded) expect((await issuance.look(id, stage.clock.now()))?.live).toBe(false)
  })

  test('an assertion with reuse: task that works on a named task hands on with it', async () => {
    const job = await stage.job()
    const asked = await stage.broker.call('POST', '/grants', job, {
      access: [{ audience: DEPLOY, scope: 'deploy:production' }],
      delegation: { to: [agentId('one')], max_depth: 1, max_children: 1 },
      purpose: 'hand on',
    })
    expect(asked.status).toBe(201)
    await stage.review(String(asked.body['id']), 'approve')
    const form = { scope: 'deploy:production' }
    const held = credentialOf(await stage.token(exchangeForm(job, form)))
    const answer = await stage.token(ticketForm(held.token, job))
    expect(answer.status).toBe(200)
    expect((await redeem('one', String(answer.body['access_token']))).status).toBe(200)
  })

  test('a ticket that is revoked is used up, once, and the evidence says so', async () => {
    const { run, credential } = await parent()
    const ticket = await ticketOf(run, credential.token)
    for (let times = 0; times < 2; times += 1) expect((await stage.revoke({ token: ticket })).status).toBe(200)
    expect(errorOf(await redeem('one', ticket))).toBe('invalid_request')
    const events = await stage.events(`grant_id=${credential.grantId}`)
    expect(events.filter(({ type }) => type === 'ticket.revoked')).toMatchObject([
      { stream: 'revocation', parent_id: credential.claims.jti, task_id: credential.taskId, data: { by: 'holder' } },
    ])
  })

  test('the evidence of a child names its parent', async () => {
    const { run, credential } = await parent()
    const child = await handOn(run, credential.token, 'one')
    const events = await stage.events(`grant_id=${credential.grantId}`)
    expect(events.find(({ credential_id }) => credential_id === child.claims.jti)).toMatchObject({
      type: 'credential.issued',
      parent_id: credential.claims.jti,
      workload: agentId('one'),
      task_id: credential.taskId,
    })
    expect(events.find(({ type }) => type === 'ticket.issued')).toMatchObject({
      parent_id: credential.claims.jti,
      data: { actor: agentId('one'), scope: 'deploy:production' },
    })
  })
})
