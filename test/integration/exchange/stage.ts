import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeJwt, type JWTPayload } from 'jose'
import { sha256Hex } from '../../../src/runtime/digest.js'
import {
  CLIENT_ASSERTION_TYPE,
  DEPLOY,
  deferredForm,
  exchangeForm,
  pollForm,
  startBroker,
  type Answer,
  type TestBroker,
} from '../../support/broker.js'
import { turnableClock, type TurnableClock } from '../../support/clock.js'
import { startIssuer, type TestIssuer } from '../../support/issuer.js'
import type { StoreCase } from './stores.js'

export { CLIENT_ASSERTION_TYPE, DEPLOY, deferredForm, exchangeForm, pollForm }
export const OTHER = 'https://other.example.com'
/** Takes JWTs and certificates. */
export const DATABASE = 'https://database.example.com'
/** Takes certificates alone. */
export const MESH = 'https://mesh.example.com'
export const X509 = 'urn:errand:token-type:x509-certificate'
export const TICKET = 'urn:errand:token-type:ticket'
export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
export const JWT = 'urn:ietf:params:oauth:token-type:jwt'
export const DEFERRAL_CODE = 'urn:ietf:params:oauth:token-type:deferral-code'

type Claims = Readonly<Record<string, unknown>>
type Form = Readonly<Record<string, string>>

/** One run of a workload: each assertion of it is a fresh one. */
export interface Run {
  readonly id: string
  assertion(claims?: Claims): Promise<string>
}

/**
 * A broker on a turned clock, and everybody who calls it: `ci` names its runs and who started them, each assertion serves
 * once; `jobs` has one assertion for a whole job; `agents` has no runs, and its assertions serve until they expire.
 */
export interface Stage {
  /** The issuer of the runs. */
  readonly ci: TestIssuer
  readonly broker: TestBroker
  readonly clock: TurnableClock
  /** Of the shop (`repository_id` 74), started by 5, unless the claims say otherwise. */
  newRun(claims?: Claims): Run
  /** The one assertion of a job, to be shown again and again. */
  job(claims?: Claims): Promise<string>
  agent(name: string, claims?: Claims): Promise<string>
  person(name: string, groups?: readonly string[], claims?: Claims): Promise<string>
  token(form: Form): Promise<Answer>
  /** The whole way: asked, approved by Ann, redeemed. */
  granted(run: Run, form?: Form): Promise<Credential>
  /** By a rule. */
  ruled(run: Run, form?: Form): Promise<Credential>
  /** Asks and is deferred. */
  deferred(run: Run, form?: Form): Promise<{ readonly code: string; readonly grantId: string }>
  poll(run: Run, code: string): Promise<Answer>
  review(grantId: string, decision: 'approve' | 'deny', name?: string, groups?: readonly string[]): Promise<Answer>
  /** A person asks for a grant, another approves it. */
  window(body: Readonly<Record<string, unknown>>): Promise<string>
  introspect(token: string, client?: 'deploy-api' | 'other-api' | 'database-api'): Promise<Answer>
  isLive(credential: Pick<Credential, 'token'>): Promise<boolean>
  revoke(form: Form, headers?: Form): Promise<Answer>
  /** The events of a grant, oldest first. */
  events(filter: string): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** Lets the clock run on; what was sent before has been confirmed by then. */
  later(seconds: number): Promise<void>
  sweep(): Promise<number>
  stop(): Promise<void>
}

export interface Credential {
  readonly token: string
  readonly claims: JWTPayload
  readonly grantId: string
  readonly taskId: string
  readonly answer: Answer
}

export interface StageOptions {
  readonly limits?: Readonly<Record<string, unknown>>
}

export async function openStage(storeCase: StoreCase, options: StageOptions = {}): Promise<Stage> {
  const [ci, jobs, agents, corp, opened] = await Promise.all([
    startIssuer(),
    startIssuer(),
    startIssuer(),
    startIssuer(),
    storeCase.open(),
  ])
  const folder = mkdtempSync(join(tmpdir(), 'errand-stage-'))
  const schemaFile = join(folder, 'query.json')
  writeFileSync(schemaFile, JSON.stringify(QUERY_SCHEMA))
  const clock = turnableClock()
  const secret = randomBytes(32).toString('base64url')
  const closeOthers = async (): Promise<void> => {
    await Promise.all([ci, jobs, agents, corp].map((issuer) => issuer.stop()))
    await opened.close()
    rmSync(folder, { recursive: true, force: true })
  }
  const broker = await startBroker({
    clock,
    ...(opened.store === undefined ? {} : { store: opened.store }),
    config: configOf({
      ci: ci.url,
      jobs: jobs.url,
      agents: agents.url,
      corp: corp.url,
      secret,
      schemaFile,
      ...options,
    }),
  }).catch(async (error: unknown) => {
    await closeOthers()
    throw error
  })
  const times = () => ({ iat: clock.now(), exp: clock.now() + 300 })
  const fresh = () => ({ ...times(), aud: 'errand', jti: randomBytes(16).toString('hex') })
  let runs = 0

  const stage: Stage = {
    broker,
    ci,
    clock,
    newRun(claims = {}) {
      const id = `run-${++runs}`
      const own = { sub: 'repo:acme/shop', repository_id: '74', run_id: id, actor_id: '5', ...claims }
      return { id, assertion: (more = {}) => ci.sign({ ...fresh(), ...own, ...more }) }
    },
    job: (claims = {}) =>
      jobs.sign({
        ...fresh(),
        exp: clock.now() + 3600,
        sub: 'project:7',
        project_id: '7',
        job_id: `j${++runs}`,
        ...claims,
      }),
    agent: (name, claims = {}) => agents.sign({ ...fresh(), sub: name, ...claims }),
    person: (name, groups = ['platform'], claims = {}) =>
      corp.sign({
        ...times(),
        aud: 'errand',
        sub: name,
        auth_time: clock.now(),
        groups,
        ci_id: `ci-${name}`,
        ...claims,
      }),
    token: (form) => broker.post('/token', form),
    async granted(run, form = {}) {
      const { code, grantId } = await stage.deferred(run, form)
      const approved = await stage.review(grantId, 'approve')
      if (approved.status !== 201) throw new Error(JSON.stringify(approved.body))
      return credentialOf(await stage.poll(run, code))
    },
    async ruled(run, form = {}) {
      return credentialOf(await stage.token(exchangeForm(await run.assertion(), form)))
    },
    async deferred(run, form = {}) {
      const { status, body } = await stage.token(deferredForm(await run.assertion(), form))
      if (status !== 400 || body['error'] !== 'authorization_pending') throw new Error(JSON.stringify(body))
      return { code: String(body['deferral_code']), grantId: String(body['grant_id']) }
    },
    async poll(run, code) {
      return stage.token(pollForm(code, await run.assertion()))
    },
    async review(grantId, decision, name = 'ann', groups = ['platform']) {
      const person = await stage.person(name, groups)
      const { body } = await broker.call('GET', `/grants/${grantId}`, person)
      return broker.call('POST', `/grants/${grantId}/reviews`, person, { decision, digest: body['digest'] })
    },
    async window(body) {
      const asked = await broker.call('POST', '/grants', await stage.person('bob'), {
        delegate: { issuer: ci.url, claims: { repository_id: '74' } },
        access: [{ audience: DEPLOY, scope: 'deploy:production' }],
        purpose: 'standing',
        ...body,
      })
      if (asked.status !== 201) throw new Error(JSON.stringify(asked.body))
      const id = String(asked.body['id'])
      const approved = await stage.review(id, 'approve')
      if (approved.body['status'] !== 'active') throw new Error(JSON.stringify(approved.body))
      return id
    },
    introspect: (token, client = 'deploy-api') =>
      broker.post('/introspect', { token }, { Authorization: `Basic ${btoa(`${client}:${secret}`)}` }),
    async isLive({ token }) {
      const { status, body } = await stage.introspect(token)
      if (status !== 200) throw new Error(JSON.stringify(body))
      return body['active'] === true
    },
    revoke: (form, headers = {}) => broker.post('/revoke', form, headers),
    async events(filter) {
      const auditor = await stage.person('eve', ['audit'])
      const { body } = await broker.call('GET', `/evidence/events?limit=1000&${filter}`, auditor)
      return body['events'] as readonly Readonly<Record<string, unknown>>[]
    },
    async later(seconds) {
      // What was sent is confirmed within 50 ms; unconfirmed for 30 s, it would be voided.
      await sleep(150)
      clock.advance(seconds)
    },
    sweep: () => broker.broker.sweeper.sweep(),
    async stop() {
      await broker.stop()
      await closeOthers()
    },
  }
  return stage
}

export function credentialOf(answer: Answer): Credential {
  const { status, body } = answer
  if (status !== 200) throw new Error(JSON.stringify(body))
  const token = String(body['access_token'])
  return { token, claims: decodeJwt(token), grantId: String(body['grant_id']), taskId: String(body['task_id']), answer }
}

/** `error` of an answer, with its status where that is not 400. */
export const errorOf = ({ status, body }: Answer): string =>
  `${(body['error'] as string | undefined) ?? 'none'}${status === 400 ? '' : ` ${status}`}`

/** The name by which others hand on to an agent. */
export const agentId = (name: string): string => `spiffe://errand.test/agents/${name}`

const QUERY_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: {
    type: { const: 'database_query' },
    tables: { type: 'array', items: { type: 'string' } },
    limit: { type: 'number' },
    note: {},
  },
  required: ['type', 'tables'],
  additionalProperties: false,
}

interface Facts extends StageOptions {
  readonly ci: string
  readonly jobs: string
  readonly agents: string
  readonly corp: string
  readonly secret: string
  readonly schemaFile: string
}

/** Written out: a configuration has no aliases. */
const configOf = (facts: Facts): Record<string, unknown> =>
  JSON.parse(JSON.stringify(sectionsOf(facts))) as Record<string, unknown>

const sectionsOf = ({ ci, jobs, agents, corp, secret, schemaFile, limits }: Facts) => {
  const allow = [
    { issuer: ci, claims: { repository_id: '74' } },
    { issuer: jobs, claims: { project_id: '7' } },
    { issuer: agents, subject: 'planner', claims: { sub: 'planner' } },
  ]
  const client = (id: string) => ({ id, auth: 'client_secret_basic', secret_sha256: sha256Hex(secret) })
  const source = { preset: 'generic', audiences: ['errand'], owner: 'platform' }
  const platform = [{ group: 'platform', count: 1 }]
  return {
    workloads: [
      {
        ...source,
        name: 'ci',
        issuer: ci,
        mapping: { anchor: 'repository_id', sealed: ['run_id'], started_by: 'actor_id' },
      },
      { ...source, name: 'jobs', issuer: jobs, reuse: 'task', mapping: { anchor: 'project_id', sealed: ['job_id'] } },
      { ...source, name: 'agents', issuer: agents, reuse: 'until_expiry', mapping: { anchor: 'sub' } },
    ],
    people: [{ name: 'corp', issuer: corp, audiences: ['errand'], groups_claim: 'groups', links: { ci: 'ci_id' } }],
    roles: { approver: ['platform', 'security'], operator: ['operators'], auditor: ['audit'] },
    resources: [
      {
        audience: DEPLOY,
        scopes: {
          'deploy:staging': { tier: 'low', allow },
          'deploy:logs': { tier: 'low', allow },
          'deploy:nobody': { tier: 'low', allow: [] },
          'deploy:production': 'reviewed',
          'deploy:rollback': 'reviewed',
          'deploy:critical': 'critical',
          'deploy:watched': 'watched',
          'deploy:keyed': { tier: 'keyed', allow },
          'deploy:bound': { tier: 'bound', allow },
          'deploy:keyed-production': 'keyed_reviewed',
        },
        authorization_details: { database_query: { tier: 'reviewed', schema_file: schemaFile } },
        clients: [client('deploy-api')],
      },
      { audience: OTHER, scopes: { read: 'reviewed', peek: { tier: 'low', allow } }, clients: [client('other-api')] },
      {
        audience: DATABASE,
        scopes: {
          read: { tier: 'low', allow },
          write: 'reviewed',
          keyed: { tier: 'keyed', allow },
          certified: { tier: 'certified', allow },
          'keyed-write': 'keyed_reviewed',
        },
        credentials: ['jwt', 'x509'],
        certificate: { common_name: ['deploy_*'], dns: ['*.db.example.com'] },
        clients: [client('database-api')],
      },
      { audience: MESH, scopes: { call: { tier: 'low', allow }, admin: 'reviewed' }, credentials: ['x509'] },
    ],
    tiers: {
      low: { approval: 'policy', max_ttl: '10m' },
      reviewed: {
        approval: platform,
        signed: false,
        max_ttl: '5m',
        max_window: '30d',
        delegation: { max_depth: 2, max_children: 3 },
      },
      keyed: { approval: 'policy', binding: 'dpop' },
      certified: { approval: 'policy', binding: 'mtls' },
      bound: { approval: 'policy', binding: 'any' },
      keyed_reviewed: {
        approval: platform,
        signed: false,
        binding: 'dpop',
        delegation: { max_depth: 2, max_children: 3 },
      },
      watched: { approval: platform, signed: false, separation: 'best_effort', max_window: '30d' },
      critical: {
        approval: [...platform, { group: 'security', count: 1 }],
        signed: false,
        max_ttl: '2m',
        fresh: '10m',
      },
    },
    limits: {
      pending_per_workload: 1000,
      pending_per_group: 10_000,
      pending_per_person: 1000,
      requests_per_minute: { workload: 1_000_000, address: 1_000_000 },
      ...limits,
    },
  }
}
