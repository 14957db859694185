import { describe, expect, test } from '@jest/globals'
import { changed, faultsOf, local, sound, type Changes, type Draft } from './support.js'

interface Row {
  /** The sentence that it breaks. */
  readonly rule: string
  readonly base: () => Draft
  readonly changes: Changes
  readonly path: string
  readonly says: RegExp
  readonly remedy: RegExp
}

/** The fault is where the first change is, unless `path` says otherwise. */
const row = (
  rule: string,
  changes: Changes,
  says: RegExp,
  remedy: RegExp,
  { path = Object.keys(changes)[0] ?? '', base = sound }: { path?: string; base?: () => Draft } = {},
): Row => ({ rule, base, changes, path, says, remedy })

const github = 'https://token.actions.githubusercontent.com'
const staging = 'resources[0].scopes["deploy:staging"]'
const rule = (claims: unknown, issuer = github) => ({ [`${staging}.allow`]: [{ issuer, claims }] })
const plainHttp = { host: '0.0.0.0', port: 8080, serve: ['api'] }
const behindProxy = { host: '10.0.0.1', port: 8444, serve: ['api', 'mtls'], behind_proxy: true }
const secondCorp = {
  name: 'partner',
  issuer: 'https://login.partner.example',
  audiences: ['errand'],
  same_person: 'email',
}
/** Groups of two issuers, as they are written then. */
const groupsOfTwo = {
  roles: { approver: ['corp/platform'] },
  'workloads[0].owner': 'corp/platform',
  'workloads[1].owner': 'corp/platform',
  'workloads[2].owner': 'corp/platform',
  'tiers.critical.approval': [{ group: 'corp/platform' }],
}

/** Each change to a sound configuration makes exactly this one fault. */
const rows: readonly Row[] = [
  // Form
  row('unknown keys are refused', { polices: './policies' }, /not known/, /did you mean "policies"\?/),
  row(
    'unknown keys are refused at every level',
    { 'tiers.low.max_tll': '5m' },
    /not known/,
    /did you mean "max_ttl"\?/,
  ),
  row(
    'unknown keys are refused in forms of a union',
    { [`${staging}.alow`]: [] },
    /not known/,
    /did you mean "allow"\?/,
  ),
  row('where nothing is near, what is known is listed', { log: { colour: true } }, /not known/, /known here: level/, {
    path: 'log.colour',
  }),
  row(
    'a key of another form does not belong',
    { 'people[0].issuer': 'https://login.example.com' },
    /not known/,
    /known here: preset, name/,
    { base: local },
  ),
  row('a section that is missing', { resources: undefined }, /is missing/, /a list/),
  row('an empty section is no section', { limits: null }, /cannot be empty/, /a section with body_bytes/),
  row(
    'numbers are no texts',
    { 'workloads[0].require.repository_owner_id': 42 },
    /cannot be 42/,
    /in quotes if it is a number/,
  ),
  row('texts are no numbers', { 'listen[0].port': '8443' }, /cannot be this text/, /whole number from 0 to 65535/),
  row('texts are no booleans', { 'tiers.critical.signed': 'no' }, /cannot be this text/, /true or false/),
  row(
    'one of several words',
    { 'tiers.critical.separation': 'loose' },
    /cannot be this text/,
    /one of strict, best_effort/,
  ),
  row('durations have a unit', { 'tiers.low.max_ttl': 900 }, /cannot be 900/, /s, m, h or d, from 10s to 1h/),
  row('durations have one unit', { 'tiers.low.max_ttl': '1h30m' }, /not a duration/, /s, m, h or d/),
  row('lifetimes are never above one hour', { 'tiers.low.max_ttl': '61m' }, /not between 10s and 1h/, /1h/),
  row('bodies are at most 64 KiB', { limits: { body_bytes: 65_537 } }, /cannot be 65537/, /to 65536/, {
    path: 'limits.body_bytes',
  }),

  // issuer, trust_domain
  row('the issuer is https', { issuer: 'http://errand.example.com' }, /not https/, /localhost only/),
  row('the issuer has no query', { issuer: 'https://errand.example.com/?a=b' }, /query or a fragment/, /https URL/),
  row(
    'the issuer has no fragment, not even an empty one',
    { issuer: 'https://errand.example.com#' },
    /query or a fragment/,
    /https URL/,
  ),
  row(
    'the issuer has no trailing slash',
    { issuer: 'https://errand.example.com/' },
    /canonical/,
    /write https:\/\/errand\.example\.com$/,
  ),
  row(
    'the issuer has no default port',
    { issuer: 'https://errand.example.com:443/a' },
    /canonical/,
    /write https:\/\/errand\.example\.com\/a$/,
  ),
  row(
    'the issuer is in lower case',
    { issuer: 'https://Errand.example.com' },
    /canonical/,
    /write https:\/\/errand\.example\.com$/,
  ),
  row(
    'the path of the issuer is plain',
    { issuer: 'https://errand.example.com/a//b' },
    /path that is not plain/,
    /single slashes/,
  ),
  row('the issuer holds no password', { issuer: 'https://a:b@errand.example.com' }, /user or a password/, /https URL/),
  row('the issuer is a URL', { issuer: 'errand' }, /not a URL/, /https URL/),
  row('the issuer is a URL without spaces', { issuer: 'https://errand.example.com /a' }, /not a URL/, /https URL/),
  row('the issuer is a URL of the web', { issuer: 'ftp://errand.example.com' }, /not an https URL/, /https URL/),
  row('the trust domain is one', { trust_domain: 'Errand.example.com' }, /not a trust domain/, /lowercase/),
  row(
    'names leave room in 127 bytes',
    { 'workloads[0].name': 'a'.repeat(32), trust_domain: `a${'.errand'.repeat(7)}`, 'people[0].links': {} },
    /too long/,
    /within 64 characters/,
    { path: 'workloads[0].name' },
  ),

  // listen
  row('plain http only on loopback', { 'listen[0].tls': undefined }, /plain http/, /behind_proxy: true/, {
    path: 'listen[0]',
  }),
  row('an address, not a name', { 'listen[0].host': 'errand.example.com' }, /not an address/, /127\.0\.0\.1/),
  row(
    'the api is served',
    { 'listen[0].serve': ['metrics'], 'listen[0].host': '127.0.0.1' },
    /serves the api nowhere/,
    /add api/,
    { path: 'listen' },
  ),
  row('something is served', { 'listen[0].serve': [] }, /is empty/, /api/),
  row(
    'metrics are for this machine',
    { 'listen[0].serve': ['api', 'metrics'] },
    /metrics to everybody/,
    /a listener of its own/,
  ),
  row(
    'metrics do not share a proxied port with the api',
    { 'listen[0].serve': ['api', 'metrics'], 'listen[0].behind_proxy': true },
    /metrics to everybody/,
    /a listener of its own/,
  ),
  row(
    'proxies are trusted behind proxies only',
    { 'listen[0].trusted_proxies': ['10.0.0.0/8'] },
    /without behind_proxy/,
    /behind_proxy: true/,
  ),
  row('a proxy is an address', { 'listen[0].trusted_proxies': ['10.0.0.0/33'] }, /not a range/, /10\.0\.0\.0\/8/, {
    path: 'listen[0].trusted_proxies[0]',
  }),
  row(
    'a proxy is one range',
    { 'listen[0].behind_proxy': true, 'listen[0].trusted_proxies': ['10.0.0.0/8/8'] },
    /not a range/,
    /10\.0\.0\.0\/8/,
    { path: 'listen[0].trusted_proxies[0]' },
  ),
  row(
    'not everybody is a proxy',
    { 'listen[0].behind_proxy': true, 'listen[0].trusted_proxies': ['0.0.0.0/0'] },
    /everybody/,
    /addresses of the proxies/,
    { path: 'listen[0].trusted_proxies[0]' },
  ),
  row(
    'one port is listened on once',
    {
      'listen[1].port': 8443,
      'listen[1].host': '0.0.0.0',
      'listen[1].serve': ['api'],
      'listen[1].tls': { cert_file: 'server.pem', key_file: 'server.key' },
    },
    /listened on already/,
    /another port/,
  ),
  row(
    'the certificate can be read',
    { 'listen[0].tls.cert_file': 'gone.pem' },
    /cannot be read: ENOENT/,
    /\/etc\/errand\/gone\.pem/,
  ),
  row('the certificate is one', { 'listen[0].tls.cert_file': 'empty' }, /no readable certificate/, /PEM/),
  row('the private key is one', { 'listen[0].tls.key_file': 'server.pem' }, /no readable private key/, /PEM/),
  row(
    'the private key is that of the certificate',
    { 'listen[0].tls.key_file': 'other.key' },
    /not the key of the certificate/,
    /made for/,
  ),
  row(
    'a client certificate needs TLS',
    { 'listen[0]': { host: '127.0.0.1', port: 8443, serve: ['api', 'mtls'] } },
    /serves mtls without TLS/,
    /client_ca_file/,
    { path: 'listen[0].serve' },
  ),
  row(
    'RFC 9440: nobody is believed by default',
    { 'listen[0]': { ...behindProxy, url: 'https://mtls.example.com' } },
    /nobody could show a certificate/,
    /Client-Cert/,
    { path: 'listen[0].trusted_proxies' },
  ),
  row(
    'where clients reach a proxy for mtls, nobody can guess',
    { 'listen[0]': { ...behindProxy, trusted_proxies: ['10.0.0.0/8'] } },
    /is missing/,
    /https:\/\/host:port/,
    { path: 'listen[0].url' },
  ),
  row(
    'a proxy that speaks TLS with us, too, must be named all the same',
    { 'listen[0].behind_proxy': true, 'listen[0].serve': ['api', 'mtls'], 'listen[0].url': 'https://mtls.example.com' },
    /nobody could show a certificate/,
    /Client-Cert/,
    { path: 'listen[0].trusted_proxies' },
  ),
  row(
    'a CA of clients says nothing of the connection of a proxy',
    {
      'listen[0]': {
        ...behindProxy,
        trusted_proxies: ['10.0.0.0/8'],
        url: 'https://mtls.example.com',
        tls: { cert_file: 'server.pem', key_file: 'server.key', client_ca_file: 'server.pem' },
      },
    },
    /is of the proxy/,
    /take it out/,
    { path: 'listen[0].tls.client_ca_file' },
  ),
  row('a url is for mtls', { 'listen[0].url': 'https://mtls.example.com' }, /without mtls/, /take it out/),
  row('clients show certificates by TLS alone', { 'listen[0].url': 'http://mtls.example.com' }, /not https/, /TLS/),
  row('a url is an origin', { 'listen[0].url': 'https://mtls.example.com/x' }, /not an origin/, /example\.com$/),
  row('client certificates are for mtls', { 'listen[0].tls.client_ca_file': 'ca.pem' }, /without mtls/, /take it out/),

  // store, keys
  row('the store is known', { 'store.url': 'postgres://db' }, /not the URL of a store/, /redis:\/\//),
  row('no password in the URL', { 'store.url': 'redis://errand:secret@db' }, /holds a password/, /password_file/),
  row('an ACL user has a password', { 'store.password_env': undefined }, /user without a password/, /password_env/, {
    path: 'store.url',
  }),
  row('one server, or sentinel, or cluster', { 'store.url': 'redis://a,b,c' }, /several hosts/, /redis\+sentinel/),
  row('sentinels watch a master', { 'store.url': 'redis+sentinel://a,b,c' }, /names no master/, /mymaster/),
  row('a cluster has no databases', { 'store.url': 'redis+cluster://a,b,c/1' }, /names a database/, /path out/),
  row('an inline secret is not known', { 'store.password': 'hunter2' }, /not known/, /did you mean "password_file"\?/),
  row(
    'a secret has one source',
    { 'store.password_file': 'redis-password' },
    /beside password_file/,
    /one of the two/,
    { path: 'store.password_env' },
  ),
  row('a secret is there', { 'store.password_env': 'UNSET' }, /is empty/, /set the variable/),
  row(
    'a secret is not empty',
    { 'store.password_env': undefined, 'store.password_file': 'empty' },
    /is empty/,
    /into the file/,
    { path: 'store.password_file' },
  ),
  row(
    'a variable is named, its value is not given',
    { 'store.password_env': 'hunter-2' },
    /not the name of a variable/,
    /not its value/,
  ),
  row(
    'the embedded store has no durability to choose',
    { store: { url: 'embedded:./data', durability: 'relaxed' } },
    /for Redis/,
    /always durable/,
    { path: 'store.durability', base: local },
  ),
  row('embedded: takes a folder', { store: { url: 'embedded://data' } }, /two slashes/, /embedded:\.\/data/, {
    path: 'store.url',
    base: local,
  }),
  row('durability is a known one', { 'store.durability': 'none' }, /cannot be this text/, /strict, relaxed, trusted/),
  row(
    'encryption_key_file is required with Redis',
    { 'keys.encryption_key_file': undefined },
    /missing, and Redis is used/,
    /openssl rand -base64 32/,
  ),
  row(
    'the encryption key has 32 bytes',
    { 'keys.encryption_key_file': 'short.key' },
    /not hold 32 bytes/,
    /openssl rand -base64 32/,
  ),
  row('the encryption key is in a file', { 'keys.encryption_key': 'BwcH' }, /not known/, /encryption_key_file/),
  row(
    'the signing algorithm is a known one',
    { 'keys.signing_alg': 'HS256' },
    /cannot be this text/,
    /ES256, RS256, PS256, EdDSA/,
  ),

  // workloads
  row('owner is required for each workload source', { 'workloads[0].owner': undefined }, /is missing/, /a group/),
  row(
    'an unknown group does not load',
    { 'workloads[0].owner': 'plattform' },
    /not a known group/,
    /did you mean "platform"\?/,
  ),
  row('a shared public issuer needs require', { 'workloads[0].require': {} }, /names no tenant/, /repository_owner_id/),
  row(
    'a name is no immutable tenant id',
    { 'workloads[0].require': { repository_owner: 'acme' } },
    /names no tenant/,
    /repository_owner_id/,
  ),
  row(
    'a pattern is no tenant id',
    { 'workloads[0].require': { repository_owner_id: '4*' } },
    /names no tenant/,
    /without \*/,
  ),
  row(
    'a shared public issuer is one under any preset',
    { 'workloads[2].issuer': 'https://gitlab.com' },
    /names no tenant/,
    /namespace_id/,
    { path: 'workloads[2].require' },
  ),
  row('presets are known', { 'workloads[1].preset': 'jenkins' }, /cannot be this text/, /github-actions/),
  row(
    'an issuer stands once among workloads',
    { 'workloads[2].issuer': 'https://kubernetes.default.svc/' },
    /stands here twice/,
    /join/,
  ),
  row('a name stands once among workloads', { 'workloads[2].name': 'cluster' }, /stands here twice/, /another name/),
  row(
    'our own issuer is refused among workloads',
    { 'workloads[2].issuer': 'https://errand.example.com' },
    /is Errand itself/,
    /tickets/,
  ),
  row(
    'our own issuer is refused in another spelling',
    { 'workloads[2].issuer': 'https://ERRAND.example.com:443/' },
    /is Errand itself/,
    /tickets/,
  ),
  row('issuers are https', { 'workloads[2].issuer': 'http://agents.example.com' }, /not https/, /localhost only/),
  row(
    'keys are fetched by https',
    { 'workloads[1].jwks_uri': 'http://kubernetes.default.svc/keys' },
    /not https/,
    /localhost only/,
  ),
  row(
    'reuse is once, task or until_expiry',
    { 'workloads[0].reuse': 'always' },
    /cannot be this text/,
    /once, task, until_expiry/,
  ),
  row('an assertion has an audience of ours', { 'workloads[2].audiences': [] }, /is empty/, /a list/),
  row(
    'symmetric algorithms are never believed',
    { 'workloads[2].algorithms': ['HS256'] },
    /cannot be this text/,
    /ES256/,
    { path: 'workloads[2].algorithms[0]' },
  ),
  row(
    'a preset knows what claims mean',
    { 'workloads[0].mapping': { anchor: 'sub' } },
    /preset github-actions knows/,
    /preset: generic/,
  ),
  row(
    'the name is the same in every run',
    { 'workloads[2].mapping.segments': ['run_id'] },
    /id of one run/,
    /same in every run/,
    { path: 'workloads[2].mapping.segments[0]' },
  ),
  row('the anchor outlives the run', { 'workloads[2].mapping.sealed': ['sub'] }, /holds the anchor/, /another claim/),
  row('a pattern does not end in a quote', { 'workloads[0].require.ref': 'main\\' }, /not a pattern/, /at the end/),
  row(
    'nested claims are named by JSON Pointer',
    { 'workloads[2].mapping.segments': ['/a~2'] },
    /not a claim name/,
    /JSON Pointer/,
    { path: 'workloads[2].mapping.segments[0]' },
  ),
  row('a private CA can be read', { 'workloads[1].ca_file': 'gone.pem' }, /cannot be read/, /gone\.pem/),
  row('a bearer file can be read', { 'workloads[1].token_file': 'gone' }, /cannot be read/, /gone/),

  // people, roles
  row(
    'our own issuer is refused among people',
    { 'people[0].issuer': 'https://errand.example.com' },
    /is Errand itself/,
    /take the entry out/,
  ),
  row(
    'an issuer of machines and people needs disjoint audiences',
    { 'people[0].issuer': 'https://agents.example.com' },
    /audience of workloads/,
    /of their own/,
    { path: 'people[0].audiences[0]' },
  ),
  row('links name workload sources', { 'people[0].links': { git: 'github_id' } }, /not a workload source/, /github/, {
    path: 'people[0].links.git',
  }),
  row(
    'a name stands once among people',
    {
      'people[1]': { ...secondCorp, name: 'corp' },
      roles: { approver: ['corp/platform', 'corp/security'] },
      workloads: [{ ...(sound()['workloads'] as Draft[])[0], owner: 'corp/platform' }],
      'people[0].links': {},
      'tiers.critical.approval': [{ group: 'corp/security' }],
    },
    /stands here twice/,
    /another name/,
    { path: 'people[1].name' },
  ),
  row(
    'groups say whose they are once there are several people issuers',
    {
      'people[1]': secondCorp,
      roles: { approver: ['corp/platform', 'security'] },
      'workloads[0].owner': 'corp/platform',
      'workloads[1].owner': 'corp/platform',
      'workloads[2].owner': 'security',
      'tiers.critical.approval': [{ group: 'corp/platform' }],
    },
    /whose group/,
    /corp\/security or partner\/security/,
    { path: 'roles.approver[1]' },
  ),
  row(
    'invariant 6: with several people issuers, each says whose accounts are one human’s',
    { 'people[1]': { ...secondCorp, same_person: undefined }, ...groupsOfTwo },
    /one human .* twice/,
    /such as email/,
    { path: 'people[1].same_person' },
  ),
  row(
    'invariant 6: also the issuer of those who only ask, for they could approve at the other',
    { 'people[0].same_person': undefined, 'people[1]': secondCorp, ...groupsOfTwo },
    /one human .* twice/,
    /such as email/,
    { path: 'people[0].same_person' },
  ),
  row(
    'invariant 6: nothing joins the local person with other accounts',
    {
      people: [{ name: 'corp', issuer: 'https://login.example.com', audiences: ['errand'], same_person: 'email' }],
      'people[1]': { name: 'me', preset: 'local' },
      ...groupsOfTwo,
    },
    /local person beside/,
    /keep one/,
    { path: 'people[1]', base: local },
  ),
  row('a rule is no person', { 'people[0].name': 'rule' }, /name of something else/, /another name/, {
    path: 'people[0].name',
  }),
  row('a SPIFFE id is no person', { 'people[0].name': 'spiffe' }, /name of something else/, /another name/, {
    path: 'people[0].name',
  }),
  row(
    'the local person is for loopback only',
    {
      'listen[0]': {
        host: '0.0.0.0',
        port: 8443,
        serve: ['api'],
        tls: { cert_file: 'server.pem', key_file: 'server.key' },
      },
    },
    /others can reach the api/,
    /preset: oidc/,
    { path: 'people[0]', base: local },
  ),
  row(
    'the local person is not for proxies',
    { 'listen[0].behind_proxy': true },
    /others can reach the api/,
    /without a proxy/,
    { path: 'people[0]', base: local },
  ),
  row(
    'the local person is not for a public issuer',
    { issuer: 'https://errand.example.com' },
    /others can reach the api/,
    /loopback/,
    { path: 'people[0]', base: local },
  ),
  row(
    'this machine has one local person',
    {
      'people[1]': { name: 'me', preset: 'local' },
      roles: { approver: ['local/platform'] },
      'workloads[0].owner': 'local/platform',
      'workloads[1].owner': 'local/platform',
      'workloads[2].owner': 'local/platform',
      'tiers.critical.approval': [{ group: 'local/platform' }],
    },
    /second local person/,
    /keep one/,
    { base: local },
  ),

  // tiers
  row('an empty approval list does not load', { 'tiers.critical.approval': [] }, /is empty/, /group, count/),
  row('a count of zero does not load', { 'tiers.critical.approval[0].count': 0 }, /cannot be 0/, /from 1/),
  row('an approval is policy or a list', { 'tiers.critical.approval': 'polcy' }, /cannot be this text/, /policy/),
  row(
    'an unknown approver group does not load',
    { 'tiers.critical.approval[1].group': 'securty' },
    /not an approver group/,
    /did you mean "security"\?/,
  ),
  row(
    'a group of another role approves nothing',
    { 'tiers.critical.approval[1].group': 'audit' },
    /not an approver group/,
    /platform, security/,
  ),
  row(
    'a group stands once in an approval',
    { 'tiers.critical.approval[1].group': 'platform' },
    /stands here twice/,
    /count/,
  ),
  row('people who approve exist', { people: [] }, /there are none/, /under people/, {
    path: 'tiers.critical.approval',
  }),
  row(
    'tier names do not contain +',
    { 'tiers["low+high"]': { approval: 'policy' } },
    /not a tier name/,
    /\+ joins tiers/,
  ),
  row('rules do not sign', { 'tiers.low.signed': true }, /no person approves/, /take it out/),

  // resources
  row(
    'an unknown tier does not load',
    { 'resources[0].scopes["deploy:production"]': 'critcal' },
    /not a known tier/,
    /did you mean "critical"\?/,
  ),
  row(
    'an unknown tier does not load beside allow',
    { [`${staging}.tier`]: 'lowest' },
    /not a known tier/,
    /tiers here: low, critical/,
  ),
  row(
    'an unknown tier of details does not load',
    { 'resources[0].authorization_details.database_query.tier': 'high' },
    /not a known tier/,
    /tiers here/,
  ),
  row('a scope is one scope-token', { 'resources[0].scopes["two words"]': 'low' }, /not a scope/, /RFC 6749/),
  row(
    'rules state the anchor claim',
    rule({ environment: 'staging' }),
    /does not state the anchor/,
    /"repository_id" exactly/,
    { path: `${staging}.allow[0].claims` },
  ),
  row(
    'rules state the anchor claim exactly',
    rule({ repository_id: '7*' }),
    /by a pattern/,
    /"repository_id" exactly/,
    { path: `${staging}.allow[0].claims` },
  ),
  row(
    'the anchor of a nested claim is its pointer',
    rule({ uid: '7' }, 'https://kubernetes.default.svc'),
    /does not state the anchor/,
    /serviceaccount\/uid/,
    { path: `${staging}.allow[0].claims` },
  ),
  row(
    'without a subject the anchor sub is not stated',
    rule({}, 'https://agents.example.com'),
    /does not state the anchor/,
    /"sub" exactly/,
    { path: `${staging}.allow[0].claims` },
  ),
  row(
    'rules trust issuers of workloads only',
    rule({ repository_id: '74' }, 'https://login.example.com'),
    /not the issuer of a workload/,
    /token\.actions/,
    { path: `${staging}.allow[0].issuer` },
  ),
  row(
    'rules do not stand in for people',
    { [`${staging}.tier`]: 'critical' },
    /people are to decide/,
    /approval: policy/,
    { path: `${staging}.allow` },
  ),
  row('audiences are URIs or plain names', { 'resources[0].audience': 'two words' }, /not a URI/, /plain name/),
  row(
    'audiences are URIs as they travel',
    { 'resources[0].audience': 'https://deploy.example.com/two words' },
    /not a URI/,
    /plain name/,
  ),
  row(
    'RFC 8707 §2: a resource has no fragment',
    { 'resources[0].audience': 'https://deploy.example.com/#a' },
    /fragment/,
    /without fragment/,
  ),
  row(
    'an audience stands once, in whatever spelling',
    { 'resources[1]': { audience: 'https://DEPLOY.example.com:443/', scopes: { a: 'low' } } },
    /stands here twice/,
    /join/,
    { path: 'resources[1].audience' },
  ),
  row(
    'Errand is no resource: a credential must not look like a ticket',
    { 'resources[0].audience': 'https://errand.example.com/' },
    /is Errand itself/,
    /resource server/,
  ),
  row('a resource offers something', { 'resources[1]': { audience: 'mail' } }, /offers nothing/, /add scopes/),
  row(
    'a schema can be read',
    { 'resources[0].authorization_details.database_query.schema_file': 'gone.json' },
    /cannot be read/,
    /gone\.json/,
  ),
  row(
    'a schema is JSON Schema',
    { 'resources[0].authorization_details.database_query.schema_file': 'token' },
    /not a usable JSON Schema/,
    /2020-12/,
  ),
  row(
    'a schema leads nowhere else',
    { 'resources[0].authorization_details.database_query.schema_file': 'remote.schema.json' },
    /leads out of the file/,
    /in one file/,
  ),
  row(
    'a schema has no unknown keywords',
    { 'resources[0].authorization_details.database_query.schema_file': 'loose.schema.json' },
    /propertees/,
    /strict/,
  ),

  // clients
  row(
    'a secret is configured as its hash',
    {
      'resources[0].clients[0]': {
        id: 'a',
        auth: 'client_secret_basic',
        secret: 'hunter2',
        secret_sha256: '0'.repeat(64),
      },
    },
    /not known/,
    /secret_sha256/,
    { path: 'resources[0].clients[0].secret' },
  ),
  row(
    'a hash is a hash',
    { 'resources[0].clients[0]': { id: 'a', auth: 'client_secret_basic', secret_sha256: 'hunter2' } },
    /not a SHA-256/,
    /sha256sum/,
    { path: 'resources[0].clients[0].secret_sha256' },
  ),
  row(
    'clients prove themselves in a known way',
    { 'resources[0].clients[0].auth': 'client_secret_post' },
    /cannot be this text/,
    /private_key_jwt/,
  ),
  row(
    'a client id stands once in a resource',
    { 'resources[0].clients[1]': { id: 'deploy-api', auth: 'private_key_jwt', jwks_file: './api.jwks.json' } },
    /stands here twice/,
    /another id/,
    { path: 'resources[0].clients[1].id' },
  ),
  row(
    'a client has one proof everywhere',
    {
      'resources[1]': {
        audience: 'mail',
        scopes: { a: 'low' },
        clients: [{ id: 'deploy-api', auth: 'client_secret_basic', secret_sha256: '0'.repeat(64) }],
      },
    },
    /otherwise at another audience/,
    /one proof/,
    { path: 'resources[1].clients[0]' },
  ),
  row('a JWK Set has keys', { 'resources[0].clients[0].jwks_file': 'none.jwks.json' }, /not a JWK Set/, /RFC 7517/),
  row('a JWK Set is an object', { 'resources[0].clients[0].jwks_file': 'list.jwks.json' }, /not a JWK Set/, /RFC 7517/),
  row(
    'keys can be read',
    { 'resources[0].clients[0].jwks_file': 'unreadable.jwks.json' },
    /cannot be read/,
    /public signing keys/,
  ),
  row(
    'no private keys',
    { 'resources[0].clients[0].jwks_file': 'private.jwks.json' },
    /private or symmetric/,
    /public signing keys/,
  ),
  row(
    'no symmetric keys',
    { 'resources[0].clients[0].jwks_file': 'symmetric.jwks.json' },
    /private or symmetric/,
    /public signing keys/,
  ),
  row(
    'no keys that no assertion is verified with',
    { 'resources[0].clients[0].jwks_file': 'costly.jwks.json' },
    /costs too much/,
    /8192/,
  ),
  row('no weak keys', { 'resources[0].clients[0].jwks_file': 'weak.jwks.json' }, /weak RSA/, /2048/),
  row(
    'no keys for encryption',
    { 'resources[0].clients[0].jwks_file': 'encryption.jwks.json' },
    /not for signatures/,
    /public signing keys/,
  ),
  row(
    'keys are told apart',
    { 'resources[0].clients[0].jwks_file': 'twins.jwks.json' },
    /kid of their own/,
    /public signing keys/,
  ),

  row(
    'names are of certificates',
    { 'resources[0].certificate': { dns: ['*.example.com'] }, 'resources[0].credentials': ['jwt'] },
    /none are issued/,
    /add x509/,
    { path: 'resources[0].certificate' },
  ),
  row(
    'patterns of names compile',
    { 'resources[0].certificate': { common_name: ['a\\'] }, 'resources[0].credentials': ['x509'] },
    /not a pattern/,
    /\\/,
    { path: 'resources[0].certificate.common_name[0]' },
  ),

  // The certificate authority
  row(
    'RFC 5280 §8: what stands in certificates is not https',
    { pki: { url: 'https://pki.errand.example.com' } },
    /is not plain http/,
    /write http:\/\/pki\.errand\.example\.com/,
    { path: 'pki.url' },
  ),
  row('the pki has a URL', { pki: { url: 'errand' } }, /not a URL/, /http URL/, { path: 'pki.url' }),
  row(
    'what stands in certificates has no query',
    { pki: { url: 'http://pki.errand.example.com/?a=b' } },
    /query/,
    /write http:/,
    { path: 'pki.url' },
  ),
  row(
    'an issuing CA has a key',
    { pki: { url: 'http://pki.errand.example.com', cert_file: './tls.pem' } },
    /without key_file/,
    /makes a CA itself/,
    { path: 'pki.cert_file' },
  ),
  row(
    'the CRL of a root is there',
    { pki: { url: 'http://pki.errand.example.com', root_crl_file: './nowhere.crl' } },
    /cannot be read/,
    /is there/,
    { path: 'pki.root_crl_file' },
  ),

  // Not in this build
  row('policies do not load in this build', { policies: './policies' }, /not in this build/, /allow rules decide/),
  row(
    'signed approvals do not load in this build',
    { 'tiers.critical.signed': true },
    /not in this build/,
    /signed: false/,
  ),
  row(
    'where people approve, signed: true is the default',
    { 'tiers.critical.signed': undefined },
    /true by default/,
    /signed: false/,
  ),
  row(
    'a client by certificate needs a listener that takes one',
    { 'resources[0].clients[0]': { id: 'deploy-api', auth: 'mtls', san_dns: 'api.example.com' } },
    /no listener takes/,
    /serve: \[mtls\]/,
    { path: 'resources[0].clients[0].auth' },
  ),
  row(
    'RFC 8705 §3: a tier that asks for certificates needs a listener that takes them',
    { 'tiers.low.binding': 'mtls' },
    /no listener takes/,
    /serve: \[mtls\].*x509 to the credentials of https:\/\/deploy\.example\.com/,
  ),
  row(
    'a tier of authorization details is a tier',
    {
      'tiers.keyed': { approval: 'policy', binding: 'mtls' },
      'resources[0].authorization_details.database_query.tier': 'keyed',
    },
    /no listener takes/,
    /serve: \[mtls\]/,
    { path: 'tiers.keyed.binding' },
  ),
  row(
    'a certificate that one resource issues satisfies the tier of no other',
    {
      'tiers.low.binding': 'mtls',
      'resources[0].credentials': ['jwt', 'x509'],
      'resources[1]': { audience: 'https://other.example.com', scopes: { read: 'low' } },
    },
    /no listener takes/,
    /credentials of https:\/\/other\.example\.com$/,
  ),
  row(
    'RFC 8705 §2: one thing says which certificate it is',
    {
      'listen[0].serve': ['api', 'mtls'],
      'resources[0].clients[0]': { id: 'deploy-api', auth: 'mtls', san_dns: 'a.example.com', san_uri: 'spiffe://a/b' },
    },
    /which certificate/,
    /certificate_sha256/,
    { path: 'resources[0].clients[0]' },
  ),
  row(
    'names count only where a CA has signed them',
    {
      'listen[0].serve': ['api', 'mtls'],
      'resources[0].clients[0]': { id: 'deploy-api', auth: 'mtls', san_uri: 'spiffe://a/b' },
    },
    /believed of nobody/,
    /client_ca_file/,
    { path: 'resources[0].clients[0].san_uri' },
  ),
]

describe('contract §3: what does not load', () => {
  test.each(rows)('$rule', ({ base, changes, path, says, remedy }) => {
    const faults = faultsOf(changed(base(), changes))
    expect(faults.map((fault) => fault.path)).toEqual([path])
    expect(faults[0]?.message).toMatch(says)
    expect(faults[0]?.remedy).toMatch(remedy)
  })
})

describe('contract §3: what loads all the same', () => {
  const loading: readonly { readonly rule: string; readonly base?: () => Draft; readonly changes: Changes }[] = [
    {
      rule: 'plain http behind a proxy',
      changes: {
        'listen[0].tls': undefined,
        'listen[0].behind_proxy': true,
        'listen[0].trusted_proxies': ['10.0.0.0/8', '::1'],
      },
    },
    {
      rule: 'metrics for others behind something that decides who reads them',
      changes: { 'listen[1].host': '0.0.0.0', 'listen[1].behind_proxy': true },
    },
    { rule: 'a path in the issuer', changes: { issuer: 'https://example.com/errand' } },
    {
      rule: 'plain http issuers on loopback',
      base: local,
      changes: { 'workloads[2].issuer': 'http://localhost:9000', 'workloads[1].issuer': 'http://[::1]:9000/a' },
    },
    {
      rule: 'an issuer of machines and people with disjoint audiences',
      changes: { 'people[0].issuer': 'https://agents.example.com', 'people[0].audiences': ['errand-people'] },
    },
    { rule: 'an anchor with a quoted star is exact', changes: rule({ repository_id: '7\\*' }) },
    {
      rule: 'an exact subject states the anchor sub',
      changes: { [`${staging}.allow`]: [{ issuer: 'https://agents.example.com', subject: 'agent-7' }] },
    },
    { rule: 'a policy tier without rules, which permits nothing', changes: { [`${staging}.allow`]: [] } },
    {
      rule: 'one client at two audiences',
      changes: {
        'resources[1]': {
          audience: 'mail',
          scopes: { a: 'low' },
          clients: [{ id: 'deploy-api', auth: 'private_key_jwt', jwks_file: './api.jwks.json' }],
        },
      },
    },
    {
      rule: 'a tier that asks for certificates, where a listener takes them',
      changes: { 'tiers.low.binding': 'mtls', 'listen[0].serve': ['api', 'mtls'] },
    },
    {
      rule: 'a tier that asks for certificates, where the resource issues some that are bound by themselves',
      changes: { 'tiers.low.binding': 'mtls', 'resources[0].credentials': ['jwt', 'x509'] },
    },
    { rule: 'any of two bindings, one of which needs no listener', changes: { 'tiers.low.binding': 'any' } },
    { rule: 'a DPoP key, which needs no listener', changes: { 'tiers.low.binding': 'dpop' } },
    {
      rule: 'a tier that asks for certificates, and nothing asks for it',
      changes: { 'tiers.spare': { approval: 'policy', binding: 'mtls' } },
    },
    {
      rule: 'groups of several people issuers',
      changes: {
        'people[1]': secondCorp,
        roles: { approver: ['corp/platform', 'partner/platform'] },
        'workloads[0].owner': 'corp/platform',
        'workloads[1].owner': 'corp/platform',
        'workloads[2].owner': 'partner/platform',
        'tiers.critical.approval': [{ group: 'corp/platform' }, { group: 'partner/platform', count: 2 }],
      },
    },
    {
      rule: 'nobody who decides, where rules decide everything',
      changes: {
        people: [],
        roles: {},
        tiers: { low: { approval: 'policy' } },
        resources: [{ audience: 'mail', scopes: { send: 'low' } }],
      },
    },
    {
      rule: 'two listeners on any free port',
      base: local,
      changes: { 'listen[0].port': 0, 'listen[1]': { host: '127.0.0.1', port: 0, serve: ['metrics'] } },
    },
  ]
  test.each(loading)('$rule', ({ base = sound, changes }) => {
    expect(faultsOf(changed(base(), changes))).toEqual([])
  })
})

test('a listener that is at fault may be the one with mtls: one fault is told, not two', () => {
  const faults = faultsOf(changed(sound(), { 'tiers.low.binding': 'mtls', 'listen[1].serve': ['mtsl'] }))
  expect(faults.map(({ path }) => path)).toEqual(['listen[1].serve[0]'])
})

test('plain http is refused on every address that is not loopback', () => {
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '128.0.0.1']) {
    expect(faultsOf(changed(sound(), { 'listen[0]': { ...plainHttp, host } })).map(({ path }) => path)).toEqual([
      'listen[0]',
    ])
  }
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost']) {
    expect(faultsOf(changed(sound(), { 'listen[0]': { ...plainHttp, host } }))).toEqual([])
  }
})
