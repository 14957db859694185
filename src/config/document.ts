import { z } from 'zod'
import { ALGORITHMS } from '../workloads/algorithms.js'
import { CERTIFICATE_NAMES } from '../workloads/certificate-facts.js'
import { PRESETS } from '../workloads/presets.js'
import * as value from './values.js'

/**
 * The configuration file as it is written: the single source of its shape. `errand.schema.json`, `docs/configuration.md`,
 * the parser and the hints in faults all come from here. What depends on several values is checked in the file of its
 * section (`listen.ts`, `workloads.ts`, …), what this build cannot do yet in `unsupported.ts`.
 */
const signingAlgorithms = ['ES256', 'RS256', 'PS256', 'EdDSA'] as const

const groups = () => z.array(value.group()).max(100).default([])
const audiences = () => z.array(value.target()).min(1).max(20)
const algorithms = () => z.array(z.enum([...ALGORITHMS.keys()])).min(1)

const keySource = {
  jwks_uri: value
    .foreignUrl()
    .optional()
    .describe("Where the issuer's keys are, if not where its discovery document says."),
  ca_file: value.file().optional().describe('PEM of the private CA behind which the issuer is reached.'),
  token_file: value
    .file()
    .optional()
    .describe('A bearer token for fetching the keys, read anew each time; Kubernetes asks for one.'),
}

const listener = z
  .strictObject({
    host: value.host().describe('The address to listen on.'),
    port: value.wholeNumber(0, 65_535).describe('The port; 0 takes any that is free.'),
    serve: z
      .array(z.enum(['api', 'mtls', 'pki', 'metrics']))
      .min(1)
      .describe(
        '`api`: everything for clients and people; `mtls`: the same, for clients that show a certificate (RFC 8705); `pki`: the CRLs, OCSP and the certificates of the CA, for verifiers; `metrics`: Prometheus.',
      ),
    tls: z
      .strictObject({
        cert_file: value.file().describe('PEM of the certificate, its chain after it.'),
        key_file: value.file().describe('PEM of its private key.'),
        client_ca_file: value
          .file()
          .optional()
          .describe(
            'PEM of the CAs of client certificates, for `mtls`: others are refused. Without it any certificate is taken, and proves its key alone. Not with `behind_proxy`: there the proxy checks them.',
          ),
      })
      .optional()
      .describe('Serve https. Without it, plain http: only on loopback, for `pki`, or with `behind_proxy: true`.'),
    behind_proxy: z
      .boolean()
      .default(false)
      .describe('A proxy in front terminates TLS and is the only way to this port.'),
    trusted_proxies: z
      .array(value.addressRange())
      .default([])
      .describe(
        "Whose `X-Forwarded-For` is believed for the caller's address, and with `mtls` whose `Client-Cert` (RFC 9440) for its certificate. Nobody's by default.",
      ),
    url: value
      .mutualTlsUrl()
      .optional()
      .describe(
        "For `mtls`: where clients reach it, `https://host:port`; the issuer's path follows. Default: the issuer's host with this port. Required with `behind_proxy`.",
      ),
  })
  .describe('Where Errand listens.')

const store = z
  .strictObject({
    url: value
      .storeUrl()
      .default('embedded:./data')
      .describe(
        '`embedded:FOLDER`, `redis://HOST:PORT`, `redis+sentinel://A,B,C/NAME` or `redis+cluster://A,B,C`; with `rediss` for TLS (a private CA by NODE_EXTRA_CA_CERTS). An ACL user may stand before `@`, a password may not.',
      ),
    durability: z
      .enum(['strict', 'relaxed', 'trusted'])
      .optional()
      .describe(
        'Redis only. `strict` (default): `appendfsync always` and `noeviction`, or Errand does not start; `relaxed`: accepts everysec and warns; `trusted`: for servers that hide their settings.',
      ),
    replicas: value
      .wholeNumber(0, 10)
      .optional()
      .describe('Redis only. Every acknowledged write waits for so many replicas. Default: 0.'),
    password_file: value.file().optional().describe('Redis only. A file with the password.'),
    password_env: value
      .environmentName()
      .optional()
      .describe('Redis only. The environment variable with the password.'),
  })
  .prefault({})
  .describe('Where grants, tasks and evidence are kept.')

const pki = z
  .strictObject({
    url: value
      .pkiUrl()
      .describe(
        'Where certificates say that CRLs, OCSP and the certificates of the CA are: plain http, since whoever checks a certificate for https cannot ask by https. It leads to a listener that serves `pki` or `api`.',
      ),
    rotate_every: value
      .duration('1h', '366d')
      .prefault('30d')
      .describe('How long one issuing CA of our own making signs.'),
    cert_file: value
      .file()
      .optional()
      .describe(
        "An issuing CA below somebody else's root: PEM of its certificate, what is above it after it, the root last. Default: Errand makes root and issuing CA itself, or `errand ca import` has brought one.",
      ),
    key_file: value
      .file()
      .optional()
      .describe(
        'PEM of its private key. It is kept in the store as well, encrypted, so that its CRL goes on when the files are replaced.',
      ),
    root_crl_file: value
      .file()
      .optional()
      .describe('The CRL of what is above it, DER or PEM, read at the start; later ones by `errand ca import-crl`.'),
  })
  .optional()
  .describe(
    'The certificate authority. Without it certificates name no place for CRL and OCSP, which `api` serves all the same.',
  )

const keys = z
  .strictObject({
    signing_alg: z
      .enum(signingAlgorithms)
      .default('ES256')
      .describe('What credentials are signed with. Many stacks know no EdDSA.'),
    rotate_every: value.duration('1h', '366d').prefault('30d').describe('How long one signing key signs.'),
    encryption_key_file: value
      .file()
      .optional()
      .describe(
        '32 bytes in base64, which encrypt the signing keys and authenticate the records: `openssl rand -base64 32`. Required with Redis; the embedded store makes its own in the data directory.',
      ),
  })
  .prefault({})
  .describe("Errand's own keys.")

const workload = z
  .strictObject({
    name: value.name().describe('Its name here and in `spiffe://<trust_domain>/<name>/…`.'),
    preset: z.enum([...PRESETS.keys()]).describe('What kind of issuer it is; says which claims mean what.'),
    issuer: value
      .workloadIssuer()
      .describe('Its `iss`, to the letter; for `spiffe` the trust domain, like `spiffe://prod.example.com`.'),
    audiences: audiences().describe('An assertion must be made for one of these.'),
    require: value
      .claimPatterns()
      .default({})
      .describe('Claims that every assertion must have. A shared public issuer needs an immutable tenant id here.'),
    owner: value.group().describe('The group that answers for these workloads.'),
    reuse: z
      .enum(['once', 'task', 'until_expiry'])
      .optional()
      .describe('How often one assertion serves: for one exchange, one task, or until it expires. The preset knows.'),
    algorithms: algorithms().optional().describe("Signatures that are accepted. The preset knows its issuer's."),
    max_age: value
      .duration('10s', '24h')
      .optional()
      .describe('Refuse an assertion that is older than this, whatever its `exp`.'),
    leeway: value
      .duration('0s', '2m')
      .optional()
      .describe('Clock leeway on `nbf` and `iat`. Default: `limits.leeway`.'),
    ...keySource,
    token_review: z
      .strictObject({
        url: value.foreignUrl().describe('The API server, like https://kubernetes.default.svc.'),
        ca_file: value.file().optional().describe('PEM of its private CA. Default: `ca_file` of the source.'),
        token_file: value
          .file()
          .optional()
          .describe(
            "Errand's own token for it, read anew each time; its account has the role `system:auth-delegator`. Default: `token_file` of the source.",
          ),
      })
      .optional()
      .describe(
        'For `kubernetes`: ask the cluster by TokenReview whether the pod of a token still runs. Otherwise a token serves until it expires. While the API server does not answer, nothing is issued.',
      ),
    bundle: z
      .strictObject({
        uri: value.foreignUrl().optional().describe('The bundle endpoint.'),
        ca_file: value
          .file()
          .optional()
          .describe('PEM of the private CA of the endpoint, where it has a certificate of one (`https_web`).'),
        endpoint_id: value
          .spiffeId()
          .optional()
          .describe('The SPIFFE ID of the endpoint, where it has an X.509-SVID of its own (`https_spiffe`).'),
        file: value
          .file()
          .optional()
          .describe('The bundle itself, read anew each minute; with `endpoint_id`, the one to begin with.'),
      })
      .optional()
      .describe('For `spiffe`: where the authorities of the trust domain are found.'),
    certificates: z
      .strictObject({
        roots_file: value.file().describe('PEM of the CAs in which a chain must end.'),
        subject: z
          .enum(CERTIFICATE_NAMES)
          .describe(
            'The name in the certificate that is the workload, and that `sub` must be: an alternative name, or an attribute of the subject. The certificate must have exactly one.',
          ),
        extended_key_usage: value
          .objectIdentifier()
          .optional()
          .describe(
            'A purpose that the certificate must state. Default: if it states any, clientAuth must be among them.',
          ),
        crl_files: z
          .array(value.file())
          .max(20)
          .default([])
          .describe(
            'CRLs in DER or PEM, read anew each half minute. With any, each certificate of a chain needs a fresh one of its CA.',
          ),
      })
      .optional()
      .describe('For `attestation`: whose certificates are believed.'),
    mapping: z
      .strictObject({
        anchor: value.claim().default('sub').describe('The one immutable claim that every delegate states exactly.'),
        segments: z
          .array(value.claim())
          .max(8)
          .default([])
          .describe('Claims that follow the anchor in the name; the same in every run.'),
        sealed: z
          .array(value.claim())
          .max(8)
          .default([])
          .describe('The ids of one run. Without any, each request must send `task`.'),
        started_by: value.claim().optional().describe('The id of the person who started the run.'),
        delegate: z
          .array(value.claim())
          .max(8)
          .default([])
          .describe('What a derived delegate states besides the anchor.'),
      })
      .optional()
      .describe('Which claims mean what; for `generic` only.'),
  })
  .describe('An issuer whose assertions are believed.')

const requirement = () =>
  z
    .strictObject({
      max_age: value.duration('1s', '30d').optional().describe('The greatest age of `auth_time`.'),
      acr_values: z.array(value.text()).min(1).optional().describe('One of these must be the `acr`.'),
      amr: z.array(value.text()).min(1).optional().describe('All of these must be in `amr`.'),
    })
    .prefault({})
    .describe('How people must have signed in; too weak is answered with the challenge of RFC 9470.')

const oidcPeople = z
  .strictObject({
    preset: z.literal('oidc').default('oidc').describe('An OpenID Connect issuer.'),
    name: value.name().describe('People are named `<name>:<sub>`.'),
    issuer: value.foreignUrl().describe('Its `iss`, to the letter.'),
    audiences: audiences().describe('A token must be made for one of these.'),
    client_id: value.text().optional().describe('For signing in to the console, which is not in this build.'),
    groups_claim: value.claim().default('groups').describe('The claim with the groups.'),
    same_person: value
      .claim()
      .optional()
      .describe(
        "The claim that joins one human's accounts; `email` counts only with `email_verified`. Required of each where there are several people issuers.",
      ),
    links: z
      .record(value.name(), value.claim())
      .default({})
      .describe("Workload source to the claim that holds this person's id there, for the separation of duties."),
    require: requirement(),
    algorithms: algorithms().default(['RS256', 'ES256', 'PS256', 'EdDSA']).describe('Signatures that are accepted.'),
    leeway: value
      .duration('0s', '2m')
      .optional()
      .describe('Clock leeway on `nbf` and `iat`. Default: `limits.leeway`.'),
    ...keySource,
  })
  .describe('An issuer of the tokens of people.')

const localPeople = z
  .strictObject({
    preset: z
      .literal('local')
      .describe('The one person at this machine, by a key in the data directory. On loopback only.'),
    name: value.name().describe('The person is named `<name>:local`.'),
    groups: groups().describe('The groups of that person.'),
    links: z
      .record(value.name(), value.text())
      .default({})
      .describe('Who that person is at workload sources, for the separation of duties.'),
    require: requirement(),
  })
  .describe('For trying Errand out without an identity provider.')

const roles = z
  .strictObject({
    approver: groups().describe('May list grants and review them, for their own groups.'),
    operator: groups().describe('May list grants and revoke them.'),
    auditor: groups().describe('May list grants and read evidence.'),
  })
  .prefault({})
  .describe('Role to the groups that have it; `<people name>/<group>` where there are several people issuers.')

const allowRule = z
  .strictObject({
    issuer: value.workloadIssuer().describe('The `issuer` of an entry under `workloads`.'),
    subject: value.pattern().default('*').describe('What `sub` must match.'),
    claims: value
      .claimPatterns()
      .default({})
      .describe("What claims must match. The preset's anchor claim stands here exactly."),
  })
  .describe('Permits without a person, where the approval of the tier is `policy`.')

const allow = () =>
  z.array(allowRule).max(1000).default([]).describe('Who may without a person; for tiers with `approval: policy`.')
const tierOf = () => value.tierName('the name of a tier').describe('The name of a tier.')

const scopeGuard = z.union([
  tierOf(),
  z.strictObject({ tier: tierOf(), allow: allow() }).describe('A tier, and who may without a person.'),
])

const detailGuard = z
  .strictObject({
    tier: tierOf(),
    schema_file: value.file().describe('JSON Schema (draft 2020-12) of the whole object, `type` included.'),
    allow: allow(),
  })
  .describe('A type of RFC 9396.')

const client = z
  .discriminatedUnion('auth', [
    z.strictObject({
      auth: z.literal('private_key_jwt').describe('RFC 7523 client assertions.'),
      id: value.clientId().describe('Its `client_id`.'),
      jwks_file: value.file().describe('Its public keys, as a JWK Set.'),
    }),
    z.strictObject({
      auth: z.literal('client_secret_basic').describe('A generated 256-bit secret.'),
      id: value.clientId().describe('Its `client_id`.'),
      secret_sha256: value.sha256().describe('SHA-256 of the secret, so that the secret is not here.'),
    }),
    z.strictObject({
      auth: z
        .literal('mtls')
        .describe(
          'Its certificate, at a listener with `mtls` (RFC 8705 §2). One of the three says which certificate it is.',
        ),
      id: value.clientId().describe('Its `client_id`.'),
      certificate_sha256: z
        .array(value.certificateSha256())
        .min(1)
        .max(10)
        .optional()
        .describe('Its certificates, whoever signed them. Two, for as long as one replaces the other.'),
      san_uri: value
        .text()
        .optional()
        .describe('A URI in its subject alternative name, like a SPIFFE id; signed by a CA of `client_ca_file`.'),
      san_dns: value
        .text()
        .optional()
        .describe('A DNS name in its subject alternative name; signed by a CA of `client_ca_file`.'),
    }),
  ])
  .describe('A resource server that may introspect and ask for decisions.')

const resource = z
  .strictObject({
    audience: value.target().describe('What clients name, and the `aud` of what they get.'),
    scopes: z
      .record(value.scopeToken(), scopeGuard)
      .default({})
      .describe('Scope to its tier, or to `{ tier, allow }`.'),
    authorization_details: z
      .record(value.text('the type of RFC 9396'), detailGuard)
      .default({})
      .describe('Type of RFC 9396 to its tier and schema.'),
    credentials: z
      .array(z.enum(['jwt', 'x509']))
      .min(1)
      .default(['jwt'])
      .describe('What may be issued: JWTs, X.509 certificates, or both.'),
    signing_alg: z
      .enum(signingAlgorithms)
      .optional()
      .describe('For a resource server that needs another. Default: `keys.signing_alg`.'),
    certificate: z
      .strictObject({
        common_name: z.array(value.pattern()).default([]).describe('Common names that may be asked for.'),
        dns: z.array(value.pattern()).default([]).describe('DNS names that may be asked for.'),
      })
      .optional()
      .describe('Names that certificates may carry beside the SPIFFE id, where a grant states the very name.'),
    clients: z.array(client).default([]).describe('The resource servers behind this audience.'),
  })
  .describe('Where credentials are used.')

const approval = z
  .union([
    z.literal('policy'),
    z
      .array(
        z
          .strictObject({
            group: value.group().describe('An approver group, as under `roles`.'),
            count: value.wholeNumber(1, 20).default(1).describe('How many different people of it.'),
          })
          .describe('Who must approve.'),
      )
      .min(1)
      .max(20)
      .meta({ $comment: 'at least one { group, count }, or policy' }),
  ])
  .meta({ $comment: '`policy`, or a list of { group, count }' })

const tier = z
  .strictObject({
    approval: approval.describe(
      '`policy`: rules decide (`allow`). Otherwise all of these must approve, by different people.',
    ),
    signed: z
      .boolean()
      .optional()
      .describe(
        'Approvals carry a signature of the person. Default: true where people approve. `true` is not in this build.',
      ),
    separation: z
      .enum(['strict', 'best_effort'])
      .default('strict')
      .describe(
        'An approver is not who started the run. `best_effort` lets through what cannot be told, and says so in the evidence.',
      ),
    binding: z
      .enum(['none', 'dpop', 'mtls', 'any'])
      .default('none')
      .describe(
        'What a credential must be bound to: a DPoP key (RFC 9449), a client certificate (RFC 8705), or `any` of the two. A certificate that is issued is bound by itself; JWTs under `mtls` need a listener that serves it. A key that is proved without being asked for binds too.',
      ),
    max_ttl: value.duration('10s', '1h').prefault('10m').describe('The longest life of a credential.'),
    fresh: value.duration('10s', '7d').prefault('1h').describe("The greatest age of a reviewer's `auth_time`."),
    decide_within: value
      .duration('1m', '30d')
      .optional()
      .describe('How long a grant waits for people. Default: `limits.pending`.'),
    max_window: value.duration('1m', '366d').prefault('1d').describe('The longest life of a grant.'),
    delegation: z
      .strictObject({
        max_depth: value.wholeNumber(0, 10).default(3).describe('How often a credential may be handed on; 0: never.'),
        max_children: value
          .wholeNumber(0, 1000)
          .default(10)
          .describe('To how many each holder may hand on, for the life of the task.'),
      })
      .prefault({})
      .describe('The most that a grant may ask for in its `delegation`.'),
  })
  .describe('How risky a scope is, and so what it needs.')

const limits = z
  .strictObject({
    body_bytes: value.wholeNumber(1024, 65_536).default(65_536).describe('The longest request body.'),
    pending_per_workload: value.wholeNumber(1, 10_000).default(10).describe('Pending grants of one workload.'),
    pending_per_person: value
      .wholeNumber(1, 10_000)
      .default(20)
      .describe('Pending grants that one person has asked for, over all their accounts.'),
    pending_per_group: value.wholeNumber(1, 100_000).default(200).describe('Pending grants that wait for one group.'),
    requests_per_minute: z
      .strictObject({
        workload: value.wholeNumber(1, 100_000_000).default(600).describe('Of one workload.'),
        address: value.wholeNumber(1, 100_000_000).default(6000).describe('From one address.'),
      })
      .prefault({})
      .describe('Faster ones get 429 with `Retry-After`.'),
    cool_down: value
      .duration('0s', '7d')
      .prefault('5m')
      .describe('After a denial, the same request is refused for so long.'),
    poll_interval: value.duration('1s', '1m').prefault('5s').describe('How long a client waits between two polls.'),
    pending: value
      .duration('1m', '30d')
      .prefault('1h')
      .describe('How long a grant waits for people, where its tier does not say.'),
    lease: value
      .duration('1m', '24h')
      .prefault('15m')
      .describe('A task that is not heard of for so long is abandoned.'),
    leeway: value
      .duration('0s', '2m')
      .prefault('30s')
      .describe("Clock leeway on `nbf` and `iat` of assertions and of people's tokens; `exp` has none."),
  })
  .prefault({})
  .describe('Bounds on what others may cause.')

const log = z
  .strictObject({
    level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('The least that is logged.'),
  })
  .prefault({})
  .describe('The log, as JSON lines on standard output.')

export const configDocument = z
  .strictObject({
    issuer: value.ownIssuer().describe('Where clients reach Errand; the `iss` of what it issues.'),
    trust_domain: value.trustDomain().describe('The SPIFFE trust domain of the names that Errand gives to workloads.'),
    listen: z.array(listener).min(1).max(20).describe('The addresses that Errand serves.'),
    pki,
    store,
    data_directory: value
      .file()
      .optional()
      .describe('For files that Errand makes itself. Default: the folder of the embedded store, or `./data`.'),
    keys,
    workloads: z.array(workload).min(1).max(1000).describe('Whose assertions are believed.'),
    people: z
      .array(z.discriminatedUnion('preset', [oidcPeople, localPeople]))
      .max(100)
      .prefault([])
      .describe('Who may decide.'),
    roles,
    resources: z.array(resource).min(1).max(10_000).describe('What can be asked for.'),
    tiers: z.record(value.tierName(), tier).describe('Names of your own for levels of risk.'),
    policies: value.file().optional().describe('A folder of Cedar policies. Not in this build: `allow` decides.'),
    limits,
    log,
  })
  .meta({ title: 'Errand configuration', description: 'One YAML file: `ERRAND_CONFIG`, or config/errand.yaml.' })

export type ConfigDocument = z.output<typeof configDocument>
export type ListenerEntry = ConfigDocument['listen'][number]
export type WorkloadEntry = ConfigDocument['workloads'][number]
export type PeopleEntry = ConfigDocument['people'][number]
export type ResourceEntry = ConfigDocument['resources'][number]
export type TierEntry = ConfigDocument['tiers'][string]
export type AllowEntry = z.output<typeof allowRule>
export type ClientEntry = z.output<typeof client>
