// @ts-check
// The configuration of a broker under load: one source of workloads, one of people, and a scope that rules permit.
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const TARGET = 'https://deploy.example.com'
export const SCOPE = 'deploy:staging'
/** Whose runs the rules permit: as many shards as there are of them have work. */
export const REPOSITORIES = Array.from({ length: 10 }, (_, index) => String(740 + index))
const RESOURCE_SERVER = 'deploy-api'

/**
 * @typedef {object} Given
 * @property {string} url of the broker
 * @property {string} directory
 * @property {string} ci URL of the issuer of workloads
 * @property {string} corp URL of the issuer of people
 * @property {object} store
 * @property {string} [lease]
 */

/**
 * Writes `errand.yaml` (JSON is YAML) and the key that encrypts the others.
 * @param {Given} given
 * @returns {{ file: string, authorization: string }} the header with which the resource server introspects
 */
export function writeConfiguration({ url, directory, ci, corp, store, lease = '15m' }) {
  const keyFile = join(directory, 'master.key')
  if (!existsSync(keyFile)) writeFileSync(keyFile, randomBytes(32).toString('base64'), { mode: 0o600 })
  const secret = randomBytes(32).toString('base64url')
  const document = {
    issuer: url,
    trust_domain: 'errand.test',
    listen: [{ host: '127.0.0.1', port: Number(new URL(url).port), serve: ['api', 'metrics'] }],
    store,
    data_directory: directory,
    keys: { encryption_key_file: keyFile },
    workloads: [
      {
        name: 'ci',
        preset: 'generic',
        issuer: ci,
        audiences: [url],
        owner: 'platform',
        mapping: { anchor: 'repository_id', sealed: ['run_id'], started_by: 'actor_id' },
      },
    ],
    people: [{ name: 'corp', issuer: corp, audiences: ['errand'], groups_claim: 'groups', links: { ci: 'ci_id' } }],
    roles: { approver: ['platform'], operator: ['operators'], auditor: ['audit'] },
    resources: [
      {
        audience: TARGET,
        scopes: {
          [SCOPE]: {
            tier: 'low',
            allow: REPOSITORIES.map((id) => ({ issuer: ci, claims: { repository_id: id } })),
          },
          'deploy:production': 'reviewed',
        },
        credentials: ['jwt', 'x509'],
        clients: [
          {
            id: RESOURCE_SERVER,
            auth: 'client_secret_basic',
            secret_sha256: createHash('sha256').update(secret).digest('hex'),
          },
        ],
      },
    ],
    tiers: {
      low: { approval: 'policy', max_ttl: '15m' },
      reviewed: { approval: [{ group: 'platform', count: 1 }], signed: false, max_ttl: '5m', max_window: '30d' },
    },
    limits: { lease, requests_per_minute: { workload: 100_000_000, address: 100_000_000 } },
  }
  const file = join(directory, 'errand.yaml')
  writeFileSync(file, JSON.stringify(document, null, 2))
  return { file, authorization: `Basic ${Buffer.from(`${RESOURCE_SERVER}:${secret}`).toString('base64')}` }
}

/**
 * @param {string} audience the broker
 * @param {{ repository: string, run: string, now?: number }} run `now`: by the broker's clock, seconds
 */
export function assertionClaims(audience, { repository, run, now = Math.floor(Date.now() / 1000) }) {
  return {
    sub: `repo:acme/shop-${repository}`,
    aud: audience,
    iat: now,
    exp: now + 900,
    repository_id: repository,
    run_id: run,
    actor_id: '5',
  }
}

/** @param {string} assertion */
export const exchangeForm = (assertion) =>
  new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: assertion,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    audience: TARGET,
    scope: SCOPE,
  }).toString()

/** The claims of an auditor's token. */
export function auditorClaims() {
  const now = Math.floor(Date.now() / 1000)
  return { sub: 'eve', aud: 'errand', iat: now, exp: now + 900, auth_time: now, groups: ['audit'] }
}
