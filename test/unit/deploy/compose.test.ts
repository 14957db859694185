import { beforeAll, describe, expect, test } from '@jest/globals'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { at } from '../../../config/tooling/paths.mjs'
import { loadConfig } from '../../../src/config/load-config.js'
import type { Settings } from '../../../src/config/settings.js'

interface Service {
  readonly image?: string
  readonly build?: { readonly context: string; readonly dockerfile: string }
  readonly user?: string
  readonly read_only: boolean
  readonly init: boolean
  readonly cap_drop: readonly string[]
  readonly security_opt: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly secrets: readonly string[]
  readonly volumes: readonly { readonly type: string; readonly source: string; readonly read_only?: boolean }[]
  readonly networks: Readonly<Record<string, { readonly ipv4_address?: string }>>
  readonly ports?: readonly string[]
  readonly tmpfs?: readonly string[]
  readonly stop_grace_period: string
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
}

interface Compose {
  readonly services: { readonly errand: Service; readonly redis: Service }
  readonly networks: {
    readonly inside: { readonly internal: boolean }
    readonly outside: { readonly ipam: { readonly config: readonly { readonly gateway: string }[] } }
  }
  readonly secrets: Readonly<Record<string, { readonly file: string }>>
}

const text = readFileSync(at('deploy/compose.yaml'), 'utf8')
const compose = parse(text) as Compose
const { errand, redis } = compose.services

/** Its types cannot be resolved from an ES module. */
const { DCLinter } = (await import('dclint')) as unknown as {
  readonly DCLinter: new (config: object) => {
    lintFiles(
      files: readonly string[],
      recursive: boolean,
    ): readonly { readonly messages: readonly { readonly rule: string; readonly message: string }[] }[]
  }
}

const lint = (file: string): readonly unknown[] =>
  new DCLinter({ rules: {}, quiet: false, debug: false, exclude: [] })
    .lintFiles([file], false)
    .flatMap(({ messages }) => messages.map(({ rule, message }) => ({ rule, message })))

/** What /run/secrets holds in the container. */
const secrets: Readonly<Record<string, string>> = {
  '/run/secrets/encryption.key': `${Buffer.alloc(32, 7).toString('base64')}\n`,
  '/run/secrets/redis.password': 'a-password\n',
}

describe('deploy/compose.yaml', () => {
  test('a linter that knows the schema of Compose has nothing to say', () => {
    expect(lint(at('deploy/compose.yaml'))).toEqual([])
  })

  test('the linter would say something of a key that does not exist', () => {
    const folder = mkdtempSync(join(tmpdir(), 'errand-compose-'))
    writeFileSync(join(folder, 'compose.yaml'), text.replace('    read_only: true\n', '    readonly: true\n'))
    expect(lint(join(folder, 'compose.yaml'))).not.toEqual([])
    rmSync(folder, { recursive: true })
  })

  test.each(Object.entries(compose.services))(
    '%s: nothing to write to but what it is given, and no privilege',
    (name) => {
      const service = compose.services[name as 'errand' | 'redis']
      expect(service).toMatchObject({ read_only: true, init: true, cap_drop: ['ALL'] })
      expect(service.security_opt).toContain('no-new-privileges:true')
      for (const { source, type, read_only } of service.volumes) {
        if (type !== 'bind') continue
        expect({ source, there: existsSync(at('deploy', source)), read_only }).toEqual({
          source,
          there: true,
          read_only: true,
        })
      }
    },
  )

  test('Redis is reached by the broker alone, and is not root', () => {
    expect(Object.keys(redis.networks)).toEqual(['inside'])
    expect(compose.networks.inside.internal).toBe(true)
    expect(redis.ports).toBeUndefined()
    expect(redis.user).toBe('999:999')
    expect(errand.depends_on?.['redis']?.condition).toBe('service_healthy')
  })

  test('the broker is published on this machine alone', () => {
    expect(errand.ports).toEqual(['127.0.0.1:8080:8080'])
  })

  test('secrets are files, named in no environment', () => {
    expect(Object.keys(errand.environment ?? {})).toEqual(['UV_THREADPOOL_SIZE'])
    const named = new Set([...errand.secrets, ...redis.secrets])
    expect([...named].sort()).toEqual(Object.keys(compose.secrets).sort())
    const made = [...readFileSync(at('deploy/make-secrets'), 'utf8').matchAll(/make ([a-z.]+)/g)].map(
      ([, name]) => name,
    )
    expect(made.sort()).toEqual([...named].sort())
  })

  test('a stop takes no longer than it is given', () => {
    // STOP_WITHIN_MS of compose.ts is 15 s.
    const within = /STOP_WITHIN_MS = ([\d_]+)/.exec(readFileSync(at('src/compose.ts'), 'utf8'))?.[1]?.replace('_', '')
    expect(Number.parseInt(errand.stop_grace_period) * 1000).toBeGreaterThan(Number(within))
  })
})

describe('deploy/redis.conf', () => {
  const lines = readFileSync(at('deploy/redis.conf'), 'utf8').split('\n')

  test.each(['appendonly yes', 'appendfsync always', 'maxmemory-policy noeviction', 'no-appendfsync-on-rewrite no'])(
    'contract §3: strict durability has %s',
    (line) => {
      expect(lines).toContain(line)
    },
  )

  test('nobody is let in without a user of the ACL file', () => {
    expect(lines).toContain('aclfile /run/secrets/redis.acl')
    expect(readFileSync(at('deploy/make-secrets'), 'utf8')).toMatch(/^user default off$/m)
  })
})

describe('deploy/errand.yaml', () => {
  let settings: Settings

  beforeAll(() => {
    const loaded = loadConfig(readFileSync(at('deploy/errand.yaml'), 'utf8'), {
      directory: '/etc/errand',
      readFile: (path) => {
        const secret = secrets[path]
        if (secret === undefined) throw new Error(`nothing is mounted at ${path}`)
        return Buffer.from(secret)
      },
      env: {},
    })
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.refusal, null, 1))
    settings = loaded.value
  })

  test('it loads, with nothing but the secrets that compose.yaml mounts', () => {
    expect(Object.keys(secrets).map((path) => path.slice('/run/secrets/'.length))).toEqual([...errand.secrets])
    expect(settings.store).toMatchObject({ kind: 'redis', durability: 'strict' })
    expect(settings.keys.encryptionKeyFile).toBe('/run/secrets/encryption.key')
  })

  test('the proxy that is believed is the gateway of its network', () => {
    const [{ gateway } = { gateway: '' }] = compose.networks.outside.ipam.config
    expect(settings.listen.flatMap(({ trustedProxies }) => trustedProxies)).toEqual([gateway])
  })

  test('it serves the api on the port that is published, and health where the image asks for it', () => {
    const ofService = (service: string) => settings.listen.find(({ serve }) => serve.some((name) => name === service))
    expect(ofService('api')).toMatchObject({ host: '0.0.0.0', port: 8080, behindProxy: true })
    const { host, port } = ofService('metrics') ?? {}
    expect(readFileSync(at('deploy/health.mjs'), 'utf8')).toContain(`http://${host ?? ''}:${String(port)}/healthz`)
  })

  test('its data directory is one that it may write to', () => {
    expect(errand.tmpfs?.map((mount) => mount.split(':')[0])).toEqual([settings.dataDirectory])
  })
})

describe('the rights of the Redis user', () => {
  const acl = readFileSync(at('deploy/make-secrets'), 'utf8')
  const allowed = new Set([...acl.matchAll(/ \+([a-z|]+)/g)].map(([, name]) => name ?? ''))

  const scriptFolder = at('src/storage/redis/scripts')
  const sources = readdirSync(scriptFolder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.lua'))
    .map((name) => readFileSync(join(scriptFolder, name), 'utf8'))
  const inScripts = sources.flatMap((source) =>
    [...source.matchAll(/redis\.p?call\('([A-Za-z]+)'/g)].map(([, name]) => (name ?? '').toLowerCase()),
  )
  const folder = at('src/storage/redis')
  const singles = readdirSync(folder)
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => [...readFileSync(join(folder, name), 'utf8').matchAll(/\bsingle\('([a-z]+)'/g)])
    .map(([, name]) => name ?? '')
  /** What the client and `connect.ts` send besides: scripts, replication, the settings, the connection itself. */
  const besides = ['eval', 'evalsha', 'set', 'wait', 'config|get', 'info', 'ping']

  test('are those that the store uses, and no other', () => {
    expect(inScripts.length).toBeGreaterThan(80)
    expect(singles.length).toBeGreaterThan(5)
    expect([...allowed].sort()).toEqual([...new Set([...inScripts, ...singles, ...besides])].sort())
  })

  test('are those that docs/storage-schema.md gives', () => {
    const schema = readFileSync(at('docs/storage-schema.md'), 'utf8')
    const given = /An ACL user needs `(\S+) ([^`]+)`/.exec(schema)
    expect(acl).toContain(` resetchannels ${given?.[1] ?? ''} -@all ${given?.[2] ?? ''}\n`)
  })

  test('reach keys of Errand alone', () => {
    expect(acl).toContain(' resetchannels ~{* -@all ')
  })
})
