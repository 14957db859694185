import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { stringify } from 'yaml'
import { composeBroker, type Broker } from '../../src/compose.js'
import { loadConfig } from '../../src/config/load-config.js'
import { readFileSync } from 'node:fs'
import { sha256Hex } from '../../src/runtime/digest.js'
import type { Clock } from '../../src/runtime/clock.js'
import { Fault } from '../../src/runtime/fault.js'
import { createLogger } from '../../src/runtime/logger.js'
import { readMasterKey } from '../../src/issuance/master-key.js'
import { unseal } from '../../src/issuance/seal.js'
import { startIssuer, type TestIssuer } from './issuer.js'
import { createSecretKeeper, type SecretKeeper } from './secrets.js'
import { freePort } from '../harness/kit/free-port.mjs'
import { allEvidence, createWatch, type WatchedAnswer } from './watch.js'

/**
 * A real broker on loopback with a real issuer for workloads and one for people, in a directory of its own. Every answer
 * must be as /openapi.json describes it, and at the end logs, metrics and evidence are searched for every token, code and
 * key of the run: what is wrong fails the test that uses it.
 */
export interface TestBroker {
  readonly url: string
  readonly broker: Broker
  readonly directory: string
  readonly ci: TestIssuer
  readonly corp: TestIssuer
  /** The secret of the resource server `deploy-api`. */
  readonly secret: string
  /** Every line that it logged. */
  readonly logs: string[]
  /** A fresh assertion of a run; each has its own `jti`. */
  assertion(claims?: Readonly<Record<string, unknown>>): Promise<string>
  /** A fresh token of a person. */
  person(sub: string, claims?: Readonly<Record<string, unknown>>): Promise<string>
  post(
    path: string,
    form: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>
  call(method: string, path: string, token?: string, body?: unknown): Promise<Answer>
  /** Any request, watched as those of `post` and `call` are. */
  fetch(path: string, init?: RequestInit): Promise<Answer>
  /** Every token, code and key of the run; those that pass by another way are put in by the test. */
  readonly secrets: SecretKeeper
  stop(): Promise<void>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

export interface BrokerOptions {
  readonly clock?: Clock
  readonly store?: Readonly<Record<string, unknown>>
  /** Laid over the configuration, key by key at the top level; a function is given what it is laid over. */
  readonly config?: Readonly<Record<string, unknown>> | ((base: TestConfig) => Readonly<Record<string, unknown>>)
  /** Keeps these instead of making its own, so that several brokers share them. */
  readonly share?: Pick<TestBroker, 'ci' | 'corp' | 'directory' | 'secrets'>
}

export async function startBroker(options: BrokerOptions = {}): Promise<TestBroker> {
  const directory = options.share?.directory ?? mkdtempSync(join(tmpdir(), 'errand-test-'))
  const secrets = options.share?.secrets ?? createSecretKeeper()
  const ci = options.share?.ci ?? keepSigned(await startIssuer(), secrets, 'an assertion')
  const corp = options.share?.corp ?? keepSigned(await startIssuer(), secrets, 'the token of a person')
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const secret = randomBytes(32).toString('base64url')
  const keyFile = join(directory, 'master.key')
  if (options.share === undefined) writeFileSync(keyFile, randomBytes(32).toString('base64'), { mode: 0o600 })
  const base = configOf({ url, port, directory, ci, corp, secret, keyFile })
  const config = {
    ...base,
    store: options.store ?? { url: `embedded:${join(directory, 'data')}` },
    ...(typeof options.config === 'function' ? options.config(base) : options.config),
  }
  const loaded = loadConfig(stringify(config, { aliasDuplicateObjects: false }), {
    directory,
    readFile: (path) => readFileSync(path),
    env: {},
  })
  if (!loaded.ok)
    throw new Error(`the configuration of a test does not load: ${JSON.stringify(loaded.refusal, null, 1)}`)
  const logs: string[] = []
  const log = createLogger({ level: 'debug', destination: { write: (line: string) => void logs.push(line) } })
  const broker = await composeBroker(loaded.value, {
    log,
    version: 'test',
    ...(options.clock ? { clock: options.clock } : {}),
  })
  await broker.start()
  secrets.keep(secret, 'the secret of a resource server')
  const watch = createWatch(url, secrets)
  const now = (): number => options.clock?.now() ?? Math.floor(Date.now() / 1000)
  return {
    url,
    broker,
    directory,
    ci,
    corp,
    secret,
    logs,
    assertion: (claims = {}) =>
      ci.sign({
        sub: 'repo:acme/shop',
        aud: url,
        iat: now(),
        exp: now() + 300,
        jti: randomBytes(16).toString('hex'),
        repository_id: '74',
        run_id: '9912',
        actor_id: '5',
        ...claims,
      }),
    person: (sub, claims = {}) =>
      corp.sign({
        sub,
        aud: 'errand',
        iat: now(),
        exp: now() + 300,
        auth_time: now(),
        groups: ['platform'],
        ci_id: `ci-${sub}`,
        ...claims,
      }),
    secrets,
    fetch: async (path, init) => answerOf(await watch.fetch(path, init)),
    post: async (path, form, headers = {}) =>
      answerOf(await watch.fetch(path, { method: 'POST', body: new URLSearchParams(form), headers })),
    call: async (method, path, token, body) =>
      answerOf(
        await watch.fetch(path, {
          method,
          headers: {
            ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
            ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        }),
      ),
    async stop() {
      try {
        const { encryptionKeyFile } = loaded.value.keys
        if (encryptionKeyFile !== undefined) await keepKeys(broker, encryptionKeyFile, secrets)
        const written = { metrics: await metricsOf(url), evidence: await evidenceOf(broker) }
        await broker.stop()
        watch.search({ ...written, logs: logs.join('\n') })
      } finally {
        await broker.stop()
        if (options.share === undefined) {
          await Promise.all([ci.stop(), corp.stop()])
          rmSync(directory, { recursive: true, force: true })
        }
      }
    },
  }
}

export const DEPLOY = 'https://deploy.example.com'

interface Facts {
  readonly url: string
  readonly port: number
  readonly directory: string
  readonly ci: TestIssuer
  readonly corp: TestIssuer
  readonly secret: string
  readonly keyFile: string
}

export type TestConfig = ReturnType<typeof configOf>

const configOf = ({ url, port, ci, corp, secret, keyFile }: Facts) => ({
  issuer: url,
  trust_domain: 'errand.test',
  listen: [{ host: '127.0.0.1', port, serve: ['api', 'metrics'] }],
  keys: { encryption_key_file: keyFile },
  workloads: [
    {
      name: 'ci',
      preset: 'generic',
      issuer: ci.url,
      audiences: [url],
      owner: 'platform',
      mapping: { anchor: 'repository_id', sealed: ['run_id'], started_by: 'actor_id' },
    },
  ],
  people: [
    {
      name: 'corp',
      issuer: corp.url,
      audiences: ['errand'],
      groups_claim: 'groups',
      links: { ci: 'ci_id' },
    },
  ],
  roles: { approver: ['platform', 'security'], operator: ['operators'], auditor: ['audit'] },
  resources: [
    {
      audience: DEPLOY,
      scopes: {
        'deploy:staging': { tier: 'low', allow: [{ issuer: ci.url, claims: { repository_id: '74' } }] },
        'deploy:production': 'reviewed',
        'deploy:critical': 'critical',
      },
      clients: [{ id: 'deploy-api', auth: 'client_secret_basic', secret_sha256: sha256Hex(secret) }],
    },
    { audience: 'https://other.example.com', scopes: { read: 'reviewed' } },
  ],
  tiers: {
    low: { approval: 'policy', max_ttl: '15m' },
    reviewed: {
      approval: [{ group: 'platform', count: 1 }],
      signed: false,
      max_ttl: '5m',
      max_window: '30d',
      delegation: { max_depth: 2, max_children: 3 },
    },
    critical: {
      approval: [
        { group: 'platform', count: 1 },
        { group: 'security', count: 1 },
      ],
      signed: false,
      max_ttl: '5m',
    },
  },
  limits: { requests_per_minute: { workload: 100_000, address: 100_000 } },
})

/** The form of an exchange; what is given wins. */
export const exchangeForm = (
  assertion: string,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> => ({
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token: assertion,
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  audience: DEPLOY,
  scope: 'deploy:staging',
  ...more,
})

export const CLIENT_ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** An exchange that is willing to wait for people. */
export const deferredForm = (assertion: string, more: Readonly<Record<string, string>> = {}): Record<string, string> =>
  exchangeForm(assertion, {
    client_assertion: assertion,
    client_assertion_type: CLIENT_ASSERTION_TYPE,
    scope: 'deploy:production',
    completion_mode: 'deferred',
    purpose: 'deploy shop 4.2',
    ...more,
  })

export const pollForm = (code: string, assertion: string): Record<string, string> => ({
  grant_type: 'urn:ietf:params:oauth:grant-type:deferred',
  deferral_code: code,
  client_assertion: assertion,
  client_assertion_type: CLIENT_ASSERTION_TYPE,
})

function answerOf({ status, headers, text }: WatchedAnswer): Answer {
  const isJson = (headers.get('content-type') ?? '').includes('json') && text !== ''
  return { status, headers, body: isJson ? (JSON.parse(text) as Record<string, unknown>) : { text } }
}

/** The issuer, with everything that it signs kept. */
const keepSigned = (issuer: TestIssuer, secrets: SecretKeeper, name: string): TestIssuer => {
  const signKept: TestIssuer['sign'] = async (...given) => {
    const token = await issuer.sign(...given)
    secrets.keep(token, name)
    return token
  }
  return Object.create(issuer, { sign: { value: signKept } }) as TestIssuer
}

/** The encryption key, what is derived from it, and every private member of the keys that sign. */
async function keepKeys(broker: Broker, file: string, secrets: SecretKeeper): Promise<void> {
  const master = readMasterKey(file, { ownerOnly: false })
  secrets.keep(Buffer.from(readFileSync(file, 'utf8'), 'base64'), 'the encryption key')
  for (const purpose of ['key-ring', 'authorities', 'record-mac', 'deferral-mac', 'credential-mac'] as const)
    secrets.keep(master.derive(purpose).export(), `the derived key ${purpose}`)
  for (const { privateKey } of [...broker.authorities.all(), ...broker.authorities.roots()]) {
    secrets.keep(Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url'), 'the key of an authority')
    secrets.keep(privateKey.export({ format: 'der', type: 'pkcs8' }), 'the key of an authority')
  }
  const stored = await reachable(() => broker.stores.keys.load())
  if (stored === undefined) return
  const context = { purpose: 'key ring', version: stored.version, keyId: master.id }
  const ring = unseal(master.derive('key-ring'), context, stored.sealed)
  for (const [, name, value] of ring.matchAll(/"(d|p|q|dp|dq|qi)":"([\w-]+)"/g))
    secrets.keep(Buffer.from(value ?? '', 'base64url'), `the member ${name ?? ''} of a signing key`)
}

const evidenceOf = async ({ stores }: Broker): Promise<string> =>
  (await reachable(() => allEvidence(stores.evidence))) ?? ''

/** `undefined` when the store has been taken away by the test. */
async function reachable<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof Fault && error.code === 'store_unavailable') return undefined
    throw error
  }
}

/** Empty where this broker serves none, or is gone already. */
async function metricsOf(url: string): Promise<string> {
  try {
    const answer = await fetch(`${url}/metrics`)
    return answer.ok ? await answer.text() : ''
  } catch {
    return ''
  }
}
