import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
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
  TICKET,
  type Credential,
  type Run,
  type Stage,
} from '../exchange/stage.js'
import { STORES } from '../exchange/stores.js'

describe.each(STORES)('contract §1, Tasks, on $name', (store) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage(store)
  })
  afterAll(() => stage.stop())

  const call = (verb: string, taskId: string, token: string, body?: unknown) =>
    stage.broker.call('POST', `/tasks/${taskId}/${verb}`, token, body)
  const complete = async (run: Run, taskId: string) => call('complete', taskId, await run.assertion())
  const taskOf = async (taskId: string) =>
    (await stage.broker.call('GET', `/tasks/${taskId}`, await stage.person('op', ['operators']))).body
  const grantOf = async (grantId: string) =>
    (await stage.broker.call('GET', `/grants/${grantId}`, await stage.person('op', ['operators']))).body
  const again = async (run: Run, form: Record<string, string> = {}) =>
    errorOf(await stage.token(exchangeForm(await run.assertion(), form)))
  /** A standing window for runs of a repository of its own. */
  let repositories = 1000
  async function standing(more: Record<string, unknown> = {}) {
    const repository = String(++repositories)
    const newRun = () => stage.newRun({ repository_id: repository })
    const { iss } = JSON.parse(
      Buffer.from((await newRun().assertion()).split('.')[1] ?? '', 'base64url').toString(),
    ) as { iss: string }
    const delegate = { issuer: iss, claims: { repository_id: repository } }
    return { newRun, grantId: await stage.window({ delegate, task: { max_tasks: 100 }, ...more }) }
  }
  const SCOPE = { scope: 'deploy:production' }

  test('the same key is the same task, counted once', async () => {
    const { newRun, grantId } = await standing({ task: { max_tasks: 2 } })
    const run = newRun()
    const [one, two] = [
      credentialOf(await stage.token(exchangeForm(await run.assertion(), SCOPE))),
      credentialOf(await stage.token(exchangeForm(await run.assertion(), SCOPE))),
    ]
    expect([one.taskId, one.grantId]).toEqual([two.taskId, grantId])
    const other = credentialOf(await stage.token(exchangeForm(await newRun().assertion(), SCOPE)))
    expect(other.taskId).not.toBe(one.taskId)
    expect(await again(newRun(), SCOPE)).toBe('access_denied')
    expect(await again(run, SCOPE)).toBe('none 200')
  })

  test('task subdivides a run into several errands', async () => {
    const { newRun } = await standing()
    const run = newRun()
    const ids = await Promise.all(
      ['', 'a', 'b', 'a'].map(
        async (task) => credentialOf(await stage.token(exchangeForm(await run.assertion(), { ...SCOPE, task }))).taskId,
      ),
    )
    expect(new Set(ids).size).toBe(3)
    expect(ids[1]).toBe(ids[3])
  })

  test('many tasks of one run at once are all opened', async () => {
    const { newRun } = await standing()
    const run = newRun()
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, at) =>
        stage.token(exchangeForm(await run.assertion(), { ...SCOPE, task: `t${at}` })),
      ),
    )
    const kinds = answers.map((answer) => errorOf(answer))
    expect(kinds).toEqual(kinds.map(() => 'none 200'))
  })

  test('invariant 3: of fifty runs at once under a window for seven tasks, seven get one', async () => {
    const { newRun, grantId } = await standing({ task: { max_tasks: 7 } })
    const runs = Array.from({ length: 50 }, newRun)
    const answers = await Promise.all(runs.map(async (run) => stage.token(exchangeForm(await run.assertion(), SCOPE))))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(7)
    expect(new Set(answers.map(errorOf))).toEqual(new Set(['none 200', 'access_denied']))
    const opened = (await stage.events(`grant_id=${grantId}`)).filter(({ type }) => type === 'task.opened')
    expect(opened).toHaveLength(7)
  })

  describe('complete', () => {
    test('ends its credentials, the grant for one task, and the run; a second time changes nothing', async () => {
      const run = stage.newRun()
      const credential = await stage.granted(run)
      expect(await stage.isLive(credential)).toBe(true)
      const first = await complete(run, credential.taskId)
      expect(first).toMatchObject({ status: 200, body: { id: credential.taskId, status: 'completed' } })
      expect(await stage.isLive(credential)).toBe(false)
      expect(await grantOf(credential.grantId)).toMatchObject({
        status: 'completed',
        ended: { reason: 'completed', by: 'spiffe://errand.test/ci/74' },
      })
      const events = await stage.events(`grant_id=${credential.grantId}`)
      expect(await complete(run, credential.taskId)).toMatchObject({ status: 200, body: first.body })
      expect(await stage.events(`grant_id=${credential.grantId}`)).toEqual(events)
      expect(await again(run)).toBe('access_denied')
    })

    test('invariant 2: once acknowledged, no credential is issued under it, though many ask at once', async () => {
      const run = stage.newRun()
      const { taskId } = await stage.ruled(run)
      const asking = Array.from({ length: 30 }, async () => stage.token(exchangeForm(await run.assertion())))
      const done = await complete(run, taskId)
      expect(done.status).toBe(200)
      const late = await Promise.all(Array.from({ length: 5 }, () => again(run)))
      expect(new Set(late)).toEqual(new Set(['access_denied']))
      const issued = (await Promise.all(asking)).filter(({ status }) => status === 200).map(credentialOf)
      for (const credential of issued) expect(await stage.isLive(credential)).toBe(false)
    })

    test('a named task ends alone: the run goes on', async () => {
      const { newRun, grantId } = await standing()
      const run = newRun()
      const build = credentialOf(await stage.token(exchangeForm(await run.assertion(), { ...SCOPE, task: 'build' })))
      const ship = credentialOf(await stage.token(exchangeForm(await run.assertion(), { ...SCOPE, task: 'ship' })))
      await complete(run, build.taskId)
      expect([await stage.isLive(build), await stage.isLive(ship)]).toEqual([false, true])
      expect(await again(run, { ...SCOPE, task: 'build' })).toBe('invalid_grant')
      expect(await again(run, { ...SCOPE, task: 'ship' })).toBe('none 200')
      expect(await grantOf(grantId)).toMatchObject({ status: 'active' })
    })

    test('under a window, the run that ends takes no other run with it', async () => {
      const { newRun, grantId } = await standing()
      const [one, two] = [newRun(), newRun()]
      const [first, second] = [
        credentialOf(await stage.token(exchangeForm(await one.assertion(), SCOPE))),
        credentialOf(await stage.token(exchangeForm(await two.assertion(), SCOPE))),
      ]
      await complete(one, first.taskId)
      expect([await stage.isLive(first), await stage.isLive(second)]).toEqual([false, true])
      expect(await again(one, SCOPE)).toBe('access_denied')
      expect((await grantOf(grantId))['status']).toBe('active')
    })

    test('by another run, another workload, a person without the role: not theirs', async () => {
      const credential = await stage.ruled(stage.newRun())
      const others = [
        await stage.newRun().assertion(),
        await stage.newRun({ repository_id: '75' }).assertion(),
        await stage.agent('planner'),
      ]
      for (const token of others) expect((await call('complete', credential.taskId, token)).status).toBe(404)
      for (const groups of [['platform'], ['audit'], []])
        expect((await call('complete', credential.taskId, await stage.person('ann', groups))).status).toBe(403)
      expect((await stage.broker.call('POST', `/tasks/${credential.taskId}/complete`)).status).toBe(401)
      expect(await stage.isLive(credential)).toBe(true)
    })

    test('by an operator', async () => {
      const credential = await stage.ruled(stage.newRun())
      expect((await call('complete', credential.taskId, await stage.person('op', ['operators']))).status).toBe(200)
      expect(await stage.isLive(credential)).toBe(false)
      expect(await grantOf(credential.grantId)).toMatchObject({ ended: { by: 'corp:op' } })
    })

    test.each(['tk_x', 'tk_47000000000000000000000000000000aa', 'gr_47000000000000000000000000000000aa'])(
      'unknown: %s',
      async (id) => {
        expect((await call('complete', id, await stage.person('op', ['operators']))).status).toBe(404)
      },
    )
  })

  describe('by the holder of a credential', () => {
    const with_ = (assertion: string) => ({ client_assertion: assertion, client_assertion_type: CLIENT_ASSERTION_TYPE })

    /** A root, its child and its grandchild. */
    async function tree() {
      const run = stage.newRun()
      const asked = await stage.broker.call('POST', '/grants', await run.assertion(), {
        access: [{ audience: DEPLOY, scope: 'deploy:production' }],
        delegation: { to: [agentId('one'), agentId('two')], max_depth: 2, max_children: 3 },
        purpose: 'p',
      })
      await stage.review(String(asked.body['id']), 'approve')
      const root = credentialOf(await stage.token(exchangeForm(await run.assertion(), SCOPE)))
      const handOn = async (token: string, assertion: string, to: string): Promise<Credential> => {
        const ticket = await stage.token({
          ...exchangeForm(token, { ...SCOPE, subject_token_type: ACCESS_TOKEN, requested_token_type: TICKET }),
          actor: agentId(to),
          ...with_(assertion),
        })
        return credentialOf(
          await stage.token({
            ...exchangeForm(String(ticket.body['access_token']), { ...SCOPE, subject_token_type: TICKET }),
            actor_token: await stage.agent(to),
            actor_token_type: JWT,
          }),
        )
      }
      const child = await handOn(root.token, await run.assertion(), 'one')
      const grandchild = await handOn(child.token, await stage.agent('one'), 'two')
      return { run, root, child, grandchild }
    }

    test('a child completes its own subtree, and nothing above', async () => {
      const { root, child, grandchild } = await tree()
      expect((await call('complete', root.taskId, child.token, with_(await stage.agent('one')))).status).toBe(200)
      expect(await Promise.all([root, child, grandchild].map((one) => stage.isLive(one)))).toEqual([true, false, false])
      expect(await taskOf(root.taskId)).toMatchObject({ status: 'open' })
    })

    test('the root’s holder completes the task', async () => {
      const { run, root, child, grandchild } = await tree()
      expect((await call('complete', root.taskId, root.token, with_(await run.assertion()))).status).toBe(200)
      expect(await Promise.all([root, child, grandchild].map((one) => stage.isLive(one)))).toEqual([
        false,
        false,
        false,
      ])
      expect(await taskOf(root.taskId)).toMatchObject({ status: 'completed' })
    })

    test('the credential alone completes nothing: a resource server has it too', async () => {
      const { run, root, child } = await tree()
      expect((await call('complete', root.taskId, root.token)).status).toBe(403)
      expect((await call('complete', root.taskId, root.token, with_(await stage.newRun().assertion()))).status).toBe(
        403,
      )
      expect((await call('complete', root.taskId, root.token, with_('x.y.z'))).status).toBe(403)
      expect((await call('complete', root.taskId, child.token, with_(await stage.agent('two')))).status).toBe(403)
      expect((await call('complete', root.taskId, child.token, with_(await run.assertion()))).status).toBe(403)
      expect(await stage.isLive(root)).toBe(true)
    })

    test('of another task, it is not theirs', async () => {
      const [{ run, root }, other] = [await tree(), await stage.ruled(stage.newRun())]
      expect((await call('complete', other.taskId, root.token, with_(await run.assertion()))).status).toBe(404)
    })

    test('a child’s own assertion does not complete or renew the whole task', async () => {
      const { root } = await tree()
      for (const verb of ['complete', 'heartbeat'])
        expect((await call(verb, root.taskId, await stage.agent('one'))).status).toBe(404)
    })

    test('a child’s end never gives the children of its holder back (for the life of the task)', async () => {
      const { root, child } = await tree()
      await call('complete', root.taskId, child.token, with_(await stage.agent('one')))
      const ended = await stage.events(`task_id=${root.taskId}`)
      expect(ended.filter(({ type }) => type === 'credential.revoked')).toHaveLength(1)
    })
  })

  test('a holder whose issuer cannot be asked is told to come again, and nothing has ended', async () => {
    const run = stage.newRun()
    const credential = await stage.ruled(run)
    await stage.ci.rotate()
    stage.ci.behave({ kind: 'down' })
    await stage.later(60)
    const body = { client_assertion: await run.assertion(), client_assertion_type: CLIENT_ASSERTION_TYPE }
    const answer = await call('complete', credential.taskId, credential.token, body)
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).not.toBeNull()
    stage.ci.behave({ kind: 'well' })
    await stage.later(60)
    expect(await taskOf(credential.taskId)).toMatchObject({ status: 'open' })
    const again = { ...body, client_assertion: await run.assertion() }
    expect((await call('complete', credential.taskId, credential.token, again)).status).toBe(200)
  })

  describe('the lease', () => {
    test('is renewed by each exchange and heartbeat, and never ends before the last credential', async () => {
      const { newRun } = await standing()
      const run = newRun()
      const credential = credentialOf(await stage.token(exchangeForm(await run.assertion(), SCOPE)))
      const start = stage.clock.now()
      expect(credential.answer.body['lease_seconds']).toBe(900)
      await stage.later(600)
      const beat = await call('heartbeat', credential.taskId, await run.assertion())
      expect(beat).toMatchObject({ status: 200, body: { id: credential.taskId, lease_seconds: 900 } })
      await stage.later(800)
      await stage.sweep()
      expect(await taskOf(credential.taskId)).toMatchObject({ status: 'open' })
      expect(await again(run, SCOPE)).toBe('none 200')
      await stage.later(899)
      await stage.sweep()
      expect(await taskOf(credential.taskId)).toMatchObject({ status: 'open' })
      expect(stage.clock.now() - start).toBe(2299)
    })

    test('lapses: the task is abandoned, and with it its credentials, its grant for one task and its run', async () => {
      const run = stage.newRun()
      const credential = await stage.granted(run)
      await stage.later(900)
      await stage.sweep()
      expect(await taskOf(credential.taskId)).toMatchObject({ status: 'abandoned' })
      expect(await grantOf(credential.grantId)).toMatchObject({ status: 'completed', ended: { by: 'errand' } })
      expect(await again(run)).toBe('access_denied')
      expect((await call('heartbeat', credential.taskId, await run.assertion())).status).toBe(409)
    })

    test('a task ends with its grant: revoked with one that is revoked, abandoned with one whose time has passed', async () => {
      const credential = await stage.granted(stage.newRun())
      const operator = await stage.person('op', ['operators'])
      await stage.broker.call('POST', `/grants/${credential.grantId}/revoke`, operator)
      expect(await taskOf(credential.taskId)).toMatchObject({ status: 'revoked' })
      const other = await stage.granted(stage.newRun())
      await stage.later(3600)
      expect(await taskOf(other.taskId)).toMatchObject({ status: 'abandoned' })
    })

    test('a heartbeat comes from the run itself', async () => {
      const credential = await stage.ruled(stage.newRun())
      expect((await call('heartbeat', credential.taskId, await stage.newRun().assertion())).status).toBe(404)
      expect((await call('heartbeat', credential.taskId, await stage.person('op', ['operators']))).status).toBe(403)
      expect((await call('heartbeat', credential.taskId, credential.token)).status).toBe(403)
    })

    test('a heartbeat does not bring back what has ended', async () => {
      const run = stage.newRun()
      const credential = await stage.granted(run)
      await stage.broker.call('POST', `/grants/${credential.grantId}/revoke`, await stage.person('op', ['operators']))
      expect((await call('heartbeat', credential.taskId, await run.assertion())).status).toBe(409)
      expect(await stage.isLive(credential)).toBe(false)
    })
  })

  describe('a source without run ids', () => {
    test('each task is its own, and ends for ever; nothing else ends with it', async () => {
      const exchange = async (task: string) => stage.token(exchangeForm(await stage.agent('planner'), { task }))
      const [a, b] = [credentialOf(await exchange('a')), credentialOf(await exchange('b'))]
      await call('complete', a.taskId, await stage.agent('planner'))
      expect([await stage.isLive(a), await stage.isLive(b)]).toEqual([false, true])
      expect(errorOf(await exchange('a'))).toBe('invalid_grant')
      expect(errorOf(await exchange('b'))).toBe('none 200')
      expect(errorOf(await exchange('c'))).toBe('none 200')
    })
  })

  describe('a grant that was ended before its time', () => {
    test('by a rule: the rule does not begin the same errand anew', async () => {
      const run = stage.newRun()
      const credential = await stage.ruled(run)
      const revoked = await stage.broker.call(
        'POST',
        `/grants/${credential.grantId}/revoke`,
        await stage.person('op', ['operators']),
      )
      expect(revoked).toMatchObject({ status: 200, body: { status: 'revoked' } })
      expect(await stage.isLive(credential)).toBe(false)
      expect(await again(run)).toBe('invalid_grant')
      await stage.later(900)
      await stage.sweep()
      expect(await again(run)).toBe('access_denied')
    })

    test('a rule serves the same errand for other scope, under a second grant, as long as the first is under way', async () => {
      const run = stage.newRun()
      const [one, two] = [await stage.ruled(run), await stage.ruled(run, { scope: 'deploy:logs' })]
      expect(two.grantId).not.toBe(one.grantId)
      await complete(run, one.taskId)
      expect(await again(run, { scope: 'deploy:logs' })).toBe('access_denied')
    })
  })

  test('who may read a task', async () => {
    const run = stage.newRun()
    const { taskId, grantId, token } = await stage.granted(run, { task: 'build' })
    const read = async (by: string) => (await stage.broker.call('GET', `/tasks/${taskId}`, by)).status
    expect(await read(await run.assertion())).toBe(200)
    for (const groups of [['platform'], ['operators'], ['audit']])
      expect(await read(await stage.person('x', groups))).toBe(200)
    expect(await read(await stage.person('x', []))).toBe(404)
    expect(await read(await stage.newRun().assertion())).toBe(404)
    expect(await read(token)).toBe(404)
    expect(await taskOf(taskId)).toMatchObject({
      grant_id: grantId,
      task: 'build',
      workload: 'spiffe://errand.test/ci/74',
    })
  })
})
