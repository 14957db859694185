import { expect, test } from '@jest/globals'
import { faultsOf } from './support.js'

/** The example of contract §3, with its `…` filled in. */
const example = `
issuer: https://errand.example.com
trust_domain: errand.example.com
listen:                              # plain http only on loopback, for pki, or with behind_proxy: true
  - { host: 0.0.0.0, port: 8443, serve: [api], tls: { cert_file: server.pem, key_file: server.key } }
  - { host: 0.0.0.0, port: 8444, serve: [mtls], tls: { cert_file: server.pem, key_file: server.key, client_ca_file: ca.pem } }
  - { host: 0.0.0.0, port: 8080, serve: [pki] }
  - { host: 127.0.0.1, port: 9090, serve: [metrics] }
pki: { url: http://pki.errand.example.com }
store: { url: redis://localhost:6379, durability: strict, replicas: 0 }
keys: { signing_alg: ES256, rotate_every: 30d, encryption_key_file: encryption.key }
workloads:                           # whose assertions are believed
  - { name: github, preset: github-actions, issuer: https://token.actions.githubusercontent.com, audiences: [https://errand.example.com], require: { repository_owner_id: "42" }, owner: platform }
  - { name: cluster, preset: kubernetes, issuer: https://kubernetes.default.svc, jwks_uri: https://kubernetes.default.svc/openid/v1/jwks, ca_file: ca.pem, token_file: token, audiences: [errand], owner: platform }
people:                              # who may decide
  - { name: corp, issuer: https://login.example.com, audiences: [errand], client_id: errand, groups_claim: groups, same_person: email, links: { github: github_id }, require: { max_age: 15m } }
roles: { approver: [platform, security], operator: [platform-admins], auditor: [audit] }
resources:
  - audience: https://deploy.example.com
    scopes: { "deploy:staging": { tier: low, allow: [ { issuer: https://token.actions.githubusercontent.com, claims: { repository_id: "74" } } ] }, "deploy:production": critical }
    authorization_details: { database_query: { tier: critical, schema_file: ./query.schema.json } }
    credentials: [jwt, x509]
    clients: [ { id: deploy-api, auth: private_key_jwt, jwks_file: ./api.jwks.json } ]
tiers:
  low:      { approval: policy, max_ttl: 15m }
  critical: { approval: [ { group: platform, count: 1 }, { group: security, count: 1 } ], signed: true, separation: strict, binding: dpop, max_ttl: 5m, fresh: 10m, decide_within: 1h, max_window: 30d }
policies: ./policies                 # Cedar
`

test('the example of contract §3 is refused for what this build cannot do, and for nothing else', () => {
  expect(faultsOf(example).map(({ path, message }) => `${path}: ${message}`)).toEqual([
    'policies: is not in this build',
    'tiers.critical.signed: is not in this build',
  ])
})

test('without that, the example of contract §3 loads', () => {
  const supported = example
    .replace(/^policies: .*$/m, '')
    .replace('signed: true', 'signed: false')
    .replace('[jwt, x509]', '[jwt]')
  expect(faultsOf(supported)).toEqual([])
})
