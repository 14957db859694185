import { expect } from '@jest/globals'
import { isDeepStrictEqual } from 'node:util'
import type { CredentialId, GrantId, TaskId } from '../../../src/runtime/ids.js'
import { SHARDS } from '../../../src/runtime/ids.js'
import {
  deferredForm,
  exchangeForm,
  pollForm,
  startBroker,
  type Answer,
  type BrokerOptions,
  type TestBroker,
} from '../../support/broker.js'
import { byId, listAll } from '../../support/store-dump.js'

/** A broker in the middle of its work: there is something of each kind that a hostile request could change. */
export interface Scene {
  readonly broker: TestBroker
  /** Waits for a person; its code, and the run that asked. */
  readonly pending: { readonly id: GrantId; readonly code: string; readonly digest: string; readonly run: string }
  /** Approved by a person, one live credential out. */
  readonly active: {
    readonly id: GrantId
    readonly task: TaskId
    readonly credential: CredentialId
    readonly token: string
    readonly run: string
  }
  /** Everything that the store shows: what a refused request must leave as it was. */
  dump(): Promise<Dump>
}

interface Dump {
  readonly records: unknown
  /** Types of evidence so far, by shard. */
  readonly evidence: readonly (readonly string[])[]
}

export async function openScene(options: BrokerOptions = {}): Promise<Scene> {
  const broker = await startBroker(options)
  const waiting = await ask(broker, 'run-pending')
  const approved = await ask(broker, 'run-active')
  const review = { decision: 'approve', digest: approved.digest }
  await broker.call('POST', `/grants/${approved.id}/reviews`, await broker.person('ann'), review)
  const issued = await broker.post('/token', pollForm(approved.code, await broker.assertion({ run_id: 'run-active' })))
  expect(issued.status).toBe(200)
  const token = String(issued.body['access_token'])
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: CredentialId }
  const task = String(issued.body['task_id']) as TaskId
  // One more kind: by a rule.
  await broker.post('/token', exchangeForm(await broker.assertion({ run_id: 'run-rule' })))

  return {
    broker,
    pending: { ...waiting, run: 'run-pending' },
    active: { id: approved.id, task, credential: claims.jti, token, run: 'run-active' },
    async dump() {
      const { stores } = broker.broker
      const shards = Array.from({ length: SHARDS }, (_, shard) => shard)
      const lines = await Promise.all(shards.map((shard) => stores.evidence.read(shard, 0, 1_000_000)))
      return {
        records: {
          grants: byId(await listAll(stores, {}, 200)),
          task: await stores.tasks.read(task),
          credential: await stores.issuance.look(claims.jti, Math.floor(Date.now() / 1000)),
          ring: await stores.keys.load(),
        },
        evidence: lines.map((events) => events.map(({ line }) => (JSON.parse(line) as { type: string }).type)),
      }
    },
  }
}

async function ask(broker: TestBroker, run: string): Promise<{ id: GrantId; code: string; digest: string }> {
  const asked = await broker.post('/token', deferredForm(await broker.assertion({ run_id: run })))
  expect(asked.body).toMatchObject({ error: 'authorization_pending' })
  const id = String(asked.body['grant_id']) as GrantId
  const { body } = await broker.call('GET', `/grants/${id}`, await broker.person('ann'))
  return { id, code: String(asked.body['deferral_code']), digest: String(body['digest']) }
}

/** What a refusal may leave behind: of a verified caller that it was refused, of a stranger nothing (invariant 14). */
const REFUSALS = new Set(['exchange.refused', 'review.refused'])

/** Sends a request, and holds the broker to it that nothing has changed by it. */
export async function unchanged(
  scene: Scene,
  send: () => Promise<Answer>,
  { verified = true }: { readonly verified?: boolean } = {},
): Promise<Answer> {
  const before = await scene.dump()
  const answer = await send()
  const after = await scene.dump()
  if (!isDeepStrictEqual(after.records, before.records)) expect(after.records).toEqual(before.records)
  const added = after.evidence.flatMap((types, shard) => types.slice(before.evidence[shard]?.length))
  expect(added.filter((type) => !verified || !REFUSALS.has(type))).toEqual([])
  return answer
}
