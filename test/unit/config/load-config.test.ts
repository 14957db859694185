import { describe, expect, test } from '@jest/globals'
import { statedAnchor } from '../../../src/workloads/delegate.js'
import { changed, faultsOf, local, settingsOf, sound, type Changes, type Draft } from './support.js'

describe('a sound configuration', () => {
  test('loads, and so does the one for one machine', () => {
    expect(faultsOf(sound())).toEqual([])
    expect(faultsOf(local())).toEqual([])
  })

  test('contract §3: defaults are the documented ones', () => {
    const settings = settingsOf(changed(local(), { store: undefined }))
    expect(settings.store).toEqual({ kind: 'embedded', directory: '/etc/errand/data' })
    expect(settings.dataDirectory).toBe('/etc/errand/data')
    expect(settingsOf(sound()).dataDirectory).toBe('/etc/errand/data')
    expect(settingsOf(changed(sound(), { data_directory: '/var/lib/errand' })).dataDirectory).toBe('/var/lib/errand')
    expect(settings.keys).toEqual({
      signingAlg: 'ES256',
      rotateEvery: 7 * 86_400,
      encryptionKeyFile: '/etc/errand/encryption.key',
    })
    expect(settings.limits).toEqual({
      bodyBytes: 65_536,
      pendingPerWorkload: 10,
      pendingPerGroup: 200,
      pendingPerPerson: 20,
      requestsPerMinute: { workload: 600, address: 6000 },
      coolDown: 300,
      pollInterval: 5,
      lease: 900,
    })
    expect(settings.catalogue.tiers.get('low')).toEqual({
      name: 'low',
      approval: 'policy',
      signed: false,
      separation: 'strict',
      binding: 'none',
      maxTtl: 900,
      fresh: 3600,
      decideWithin: 3600,
      maxWindow: 86_400,
      maxDepth: 3,
      maxChildren: 10,
    })
    expect(settings.log).toEqual({ level: 'info' })
  })

  test('workload sources have what their preset knows, and what the file says instead', () => {
    const [github, cluster, agents] = settingsOf(sound()).workloads
    expect(github).toMatchObject({ reuse: 'once', algorithms: ['RS256'], leeway: 30, owner: 'platform', keys: {} })
    expect(github?.mapping).toMatchObject({
      anchor: 'repository_id',
      sealed: ['run_id', 'run_attempt', 'check_run_id'],
    })
    expect(cluster).toMatchObject({ reuse: 'until_expiry' })
    expect(cluster?.keys).toMatchObject({
      jwksUri: 'https://kubernetes.default.svc/openid/v1/jwks',
      tokenFile: '/etc/errand/token',
    })
    expect(cluster?.keys.ca).toContain('BEGIN CERTIFICATE')
    expect(agents?.mapping).toEqual({
      anchor: 'sub',
      segments: ['team'],
      sealed: ['run_id'],
      startedBy: 'user',
      delegate: ['team'],
    })
    const other = changed(sound(), {
      'workloads[0].reuse': 'task',
      'workloads[0].algorithms': ['ES256'],
      'workloads[0].max_age': '5m',
      'workloads[0].leeway': '0s',
      limits: { leeway: '10s' },
    })
    const [first, second] = settingsOf(other).workloads
    expect(first).toMatchObject({ reuse: 'task', algorithms: ['ES256'], maxAge: 300, leeway: 0 })
    expect(second?.leeway).toBe(10)
  })

  test('people and roles', () => {
    const { people, roles } = settingsOf(sound())
    expect(people).toEqual([
      {
        kind: 'oidc',
        name: 'corp',
        issuer: 'https://login.example.com',
        audiences: ['errand'],
        algorithms: ['RS256', 'ES256', 'PS256', 'EdDSA'],
        groupsClaim: 'groups',
        samePerson: 'email',
        links: { github: 'github_id' },
        requirement: { maxAge: 900 },
        leeway: 30,
        keys: {},
      },
    ])
    expect(roles).toEqual({ approver: ['platform', 'security'], operator: ['platform-admins'], auditor: ['audit'] })
    expect(settingsOf(local()).people).toEqual([
      {
        kind: 'local',
        name: 'local',
        keyFile: '/etc/errand/data/local-person.key',
        groups: ['platform'],
        links: {},
        requirement: {},
      },
    ])
  })

  test('the catalogue: scopes, rules, details and clients of a resource', () => {
    const { catalogue } = settingsOf(sound())
    const resource = catalogue.resources.get('https://deploy.example.com')
    const [rule] = resource?.scopes.get('deploy:staging')?.allow ?? []
    expect(rule).toEqual({
      id: 'https://deploy.example.com deploy:staging 1',
      issuer: 'https://token.actions.githubusercontent.com',
      subject: '*',
      claims: { repository_id: '74' },
    })
    expect(statedAnchor(rule!, 'repository_id')).toBe('74')
    expect(resource?.scopes.get('deploy:production')?.tier).toBe(catalogue.tiers.get('critical'))
    const details = resource?.details.get('database_query')
    expect(details?.tier.name).toBe('critical')
    expect(details?.check({ type: 'database_query', tables: ['orders'] })).toBeUndefined()
    expect(details?.check({ type: 'database_query', tables: [1] })).toBe('/tables/0 must be string')
    expect(resource?.clients).toEqual([
      {
        id: 'deploy-api',
        audience: 'https://deploy.example.com',
        auth: { method: 'private_key_jwt', jwks: { keys: [expect.objectContaining({ kid: 'one' })] } },
      },
    ])
    expect(resource).toMatchObject({ credentials: ['jwt'], signingAlg: 'ES256' })
  })

  test('a signing algorithm of the resource stands before that of the keys', () => {
    const algorithms = changed(sound(), {
      'keys.signing_alg': 'PS256',
      'resources[1]': { audience: 'mail', scopes: { send: 'low' }, signing_alg: 'RS256' },
    })
    const resources = [...settingsOf(algorithms).catalogue.resources.values()]
    expect(resources.map(({ signingAlg }) => signingAlg)).toEqual(['PS256', 'RS256'])
  })
})

describe('secrets', () => {
  const redis = (store: Draft) => settingsOf({ ...sound(), store })

  test('the password of Redis comes from the environment or a file, and joins the URL only when asked for', () => {
    const fromEnv = redis({ url: 'rediss://errand@redis.example.com/1', password_env: 'REDIS_PASSWORD' })
    const fromFile = redis({ url: 'redis+cluster://a,b:7000', password_file: 'redis-password' })
    for (const { store } of [fromEnv, fromFile]) expect(JSON.stringify(store)).not.toMatch(/environment|word/)
    expect(fromEnv.store).toMatchObject({
      kind: 'redis',
      url: 'rediss://errand@redis.example.com/1',
      durability: 'strict',
      replicas: 0,
    })
    expect(fromEnv.store.kind === 'redis' && fromEnv.store.connectionUrl()).toBe(
      'rediss://errand:from%20the%20environment@redis.example.com/1',
    )
    expect(fromFile.store.kind === 'redis' && fromFile.store.connectionUrl()).toBe(
      'redis+cluster://:p%40ss%3Aword@a,b:7000',
    )
  })

  test('without a password the URL is what it is', () => {
    const { store } = redis({ url: 'redis+sentinel://a,[::1]:26380,c/mymaster', durability: 'trusted', replicas: 2 })
    expect(store).toMatchObject({ durability: 'trusted', replicas: 2 })
    expect(store.kind === 'redis' && store.connectionUrl()).toBe('redis+sentinel://a,[::1]:26380,c/mymaster')
  })

  test('no fault repeats a text of the file, which may be a secret in the wrong place', () => {
    const wrong = changed(sound(), {
      'store.url': 'redis://errand:hunter2@redis.example.com',
      'keys.encryption_key': 'hunter2',
      issuer: 'https://errand:hunter2@errand.example.com',
      log: 'hunter2',
    })
    expect(faultsOf(wrong)).toHaveLength(4)
    expect(JSON.stringify(faultsOf(wrong))).not.toContain('hunter2')
  })
})

describe('the digest of the catalogue', () => {
  const digestOf = (changes: Changes) => settingsOf(changed(sound(), changes)).catalogue.digest
  const staging = 'resources[0].scopes["deploy:staging"]'

  test('is lowercase hex, and the same for the same rules in another order', () => {
    const { tiers, resources } = sound()
    const [resource] = resources as [Draft]
    const turned = {
      tiers: Object.fromEntries(Object.entries(tiers as Draft).reverse()),
      'resources[0].scopes': Object.fromEntries(Object.entries(resource['scopes'] as Draft).reverse()),
    }
    expect(digestOf({})).toMatch(/^[0-9a-f]{64}$/)
    expect(digestOf(turned)).toBe(digestOf({}))
  })

  test('changes with everything that decides, and not with what does not', () => {
    const deciding: readonly Changes[] = [
      { 'tiers.low.max_ttl': '14m' },
      { 'tiers.critical.approval[0].count': 2 },
      { 'tiers.critical.delegation': { max_depth: 0 } },
      { [`${staging}.allow[0].claims.repository_id`]: '75' },
      { [`${staging}.allow[0].subject`]: 'repo:*' },
      { 'resources[0].scopes["deploy:preview"]': 'low' },
      { 'resources[0].authorization_details.database_query.tier': 'low' },
      { 'resources[0].authorization_details.database_query.schema_file': 'other.schema.json' },
      { 'resources[0].signing_alg': 'RS256' },
      { 'resources[0].authorization_details': undefined },
    ]
    const before = digestOf({})
    expect(new Set([before, ...deciding.map(digestOf)]).size).toBe(deciding.length + 1)
    expect(digestOf({ 'resources[0].clients': [] })).toBe(before)
    expect(digestOf({ log: { level: 'debug' } })).toBe(before)
  })
})

describe('contract §3: all faults are told at once', () => {
  test('of shape, of meaning, of files and of what is not built yet, in one go', () => {
    const wrong = changed(sound(), {
      isuer: 'https://errand.example.com',
      issuer: undefined,
      'listen[0].tls.cert_file': 'gone.pem',
      'listen[0].port': '8443',
      'listen[1].host': '0.0.0.0',
      'workloads[0].require': {},
      'workloads[1].onwer': 'platform',
      'workloads[2].owner': 'plattform',
      'people[0].require': { max_age: 900 },
      'resources[0].scopes["deploy:production"]': 'critcal',
      'tiers.critical.signed': true,
      'tiers.critical.max_ttl': '2h',
      policies: './policies',
    })
    expect(
      faultsOf(wrong)
        .map(({ path }) => path)
        .sort(),
    ).toEqual(
      [
        'isuer',
        'issuer',
        'listen[0].port',
        'listen[0].tls.cert_file',
        'listen[1]',
        'listen[1].serve',
        'workloads[0].require',
        'workloads[1].onwer',
        'workloads[2].owner',
        'people[0].require.max_age',
        'policies',
        'resources[0].scopes["deploy:production"]',
        'tiers.critical.max_ttl',
        'tiers.critical.signed',
      ].sort(),
    )
  })

  test('one fault in a part does not hide the others of that part', () => {
    const wrong = changed(sound(), {
      'workloads[0].require': {},
      'workloads[0].max_age': 300,
      'workloads[0].owner': undefined,
      'tiers.critical.fresh': 'often',
      'tiers.critical.approval': [{ count: 1 }, { group: 'securty' }],
      'resources[0].scopes["two words"]': 'low',
      'resources[0].clients[0].jwks_file': './gone.json',
    })
    expect(faultsOf(wrong).map(({ path }) => path)).toEqual([
      'workloads[0].owner',
      'workloads[0].max_age',
      'resources[0].scopes["two words"]',
      'tiers.critical.approval[0].group',
      'tiers.critical.fresh',
      'workloads[0].require',
      'tiers.critical.approval[1].group',
      'resources[0].clients[0].jwks_file',
    ])
  })

  test('nothing is said about what only stands in for a fault', () => {
    const wrong = changed(sound(), {
      'tiers.critical.signed': 'no',
      'resources[0].scopes["deploy:staging"].allow[0].claims.repository_id': 74,
      'workloads[0].require.repository_owner_id': 42,
      'workloads[2].mapping.anchor': 7,
      'keys.encryption_key_file': 7,
      'store.password_env': 7,
      'roles.approver': 'platform',
    })
    expect(faultsOf(wrong).map(({ path }) => path)).toEqual([
      'store.password_env',
      'keys.encryption_key_file',
      'workloads[0].require.repository_owner_id',
      'workloads[2].mapping.anchor',
      'roles.approver',
      'resources[0].scopes["deploy:staging"].allow[0].claims.repository_id',
      'tiers.critical.signed',
    ])
  })

  test('a part with a fault is still a name that others may refer to', () => {
    const wrong = changed(sound(), { 'tiers.critical.approval': 'nobody', 'workloads[0].name': 'Git Hub' })
    expect(faultsOf(wrong).map(({ path }) => path)).toEqual(['workloads[0].name', 'tiers.critical.approval'])
  })

  test('every fault has a remedy, and reads in lower case without a full stop', () => {
    const wrong = {
      ...sound(),
      listen: 'here',
      tiers: [],
      workloads: {},
      resources: null,
      people: [[]],
      roles: 1,
      limits: '',
    }
    const faults = faultsOf(wrong)
    expect(faults.length).toBeGreaterThan(6)
    for (const { message, remedy } of faults) {
      expect(remedy.length).toBeGreaterThan(3)
      expect(message).toMatch(/^[a-z].*[^.]$/)
    }
  })
})
