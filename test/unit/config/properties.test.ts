import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { loadConfig } from '../../../src/config/load-config.js'
import { keysOf, shapesAt } from '../../../src/config/shape.js'
import type { Settings } from '../../../src/config/settings.js'
import { faultsOf, load, local, settingsOf, sound } from './support.js'

type Path = readonly (string | number)[]

const isSection = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** Every place in a document, the root among them. */
const placesIn = (value: unknown, at: Path = []): readonly Path[] => {
  if (!isSection(value)) return [at]
  const steps: readonly [string | number, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value)
  return [at, ...steps.flatMap(([step, inner]) => placesIn(inner, [...at, step]))]
}

const valueAt = (document: unknown, path: Path): unknown =>
  path.reduce<unknown>((value, step) => (value as Record<string | number, unknown>)[step], document)

/** Sections whose keys are names that the operator chooses: any key is a name there. */
const isOpen = (path: Path): boolean =>
  ['scopes', 'authorization_details', 'require', 'links', 'claims', 'tiers'].includes(String(path.at(-1))) &&
  !(path[0] === 'people' && path.at(-1) === 'require')

const full = () => ({ ...sound(), limits: { requests_per_minute: { workload: 1 } }, log: { level: 'warn' } })
const sections = placesIn(full()).filter((path) => {
  const value = valueAt(full(), path)
  return isSection(value) && !Array.isArray(value) && !isOpen(path)
})

describe('unknown keys', () => {
  test('are refused in every section there is', () => {
    expect(sections.length).toBeGreaterThan(20)
    for (const path of sections) {
      const config = full()
      ;(valueAt(config, path) as Record<string, unknown>)['surplus'] = 1
      const faults = faultsOf(config)
      expect({ path, faults: faults.map(({ message }) => message) }).toEqual({ path, faults: ['is not known'] })
    }
  })

  test('are refused whatever they are called', () => {
    const key = fc.oneof(
      fc.string({ minLength: 1 }),
      fc.constantFrom('constructor', 'toString', '__proto__', 'hasOwnProperty'),
    )
    const property = fc.property(fc.constantFrom(...sections), key, (path, name) => {
      const config = full()
      const section = valueAt(config, path) as Record<string, unknown>
      fc.pre(!keysOf(shapesAt(path)).includes(name))
      Object.defineProperty(section, name, { value: 1, enumerable: true })
      return faultsOf(config).length > 0
    })
    fc.assert(property, { numRuns: 80 })
  })
})

test('whatever stands in whatever place, loading answers: settings, or faults with path and remedy', () => {
  const places = placesIn(full())
  const property = fc.property(fc.constantFrom(...places), fc.jsonValue({ maxDepth: 3 }), (path, value) => {
    const config = full()
    if (path.length === 0) return answers(load(value))
    const parent = valueAt(config, path.slice(0, -1)) as Record<string | number, unknown>
    parent[path.at(-1) ?? ''] = value
    return answers(load(config))
  })
  fc.assert(property, { numRuns: 120 })
})

test('whatever the file holds, loading answers', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => answers(load(text))),
    { numRuns: 100 },
  )
})

function answers(loaded: ReturnType<typeof load>): boolean {
  if (loaded.ok) return true
  return (
    loaded.refusal.length > 0 &&
    loaded.refusal.every(({ path, message, remedy }) => [path, message, remedy].every((text) => text !== ''))
  )
}

const seconds = (least: number, most: number) => fc.integer({ min: least, max: most })
const word = fc.stringMatching(/^[a-z]{3,12}$/)

const tier = fc.record({
  max_ttl: seconds(10, 3600),
  fresh: seconds(10, 604_800),
  max_window: seconds(60, 86_400 * 366),
  decide_within: seconds(60, 86_400 * 30),
  delegation: fc.record({ max_depth: fc.nat(10), max_children: fc.nat(1000) }),
  people: fc.option(fc.uniqueArray(fc.constantFrom('platform', 'security'), { minLength: 1 })),
  separation: fc.constantFrom('strict', 'best_effort'),
})

/** Spelling of so many seconds: in the greatest unit that divides them, or in seconds. */
const spell = (count: number, inSeconds: boolean): string => {
  const unit = (
    [
      ['d', 86_400],
      ['h', 3600],
      ['m', 60],
    ] as const
  ).find(([, size]) => count % size === 0 && count > 0)
  return inSeconds || unit === undefined ? `${count}s` : `${count / unit[1]}${unit[0]}`
}

type TierTerms = typeof tier extends fc.Arbitrary<infer T> ? T : never

const write = ({ people, delegation, separation, ...times }: TierTerms, inSeconds: boolean): unknown => ({
  approval: people === null ? 'policy' : people.map((group) => ({ group, count: 1 })),
  ...(people === null ? {} : { signed: false }),
  delegation,
  separation,
  max_ttl: spell(times.max_ttl, inSeconds),
  fresh: spell(times.fresh, inSeconds),
  max_window: spell(times.max_window, inSeconds),
  decide_within: spell(times.decide_within, inSeconds),
})

const plain = ({ catalogue, ...settings }: Settings): unknown =>
  JSON.parse(
    JSON.stringify({
      ...settings,
      tiers: Object.fromEntries(catalogue.tiers),
      resources: [...catalogue.resources].map(([key, { scopes, ...resource }]) => [
        key,
        resource,
        Object.fromEntries(scopes),
      ]),
      digest: catalogue.digest,
    }),
  )

describe('any configuration that loads', () => {
  const configs = fc.record({
    tiers: fc.dictionary(word, tier, { minKeys: 1, maxKeys: 4 }),
    scopes: fc.uniqueArray(fc.stringMatching(/^[\x21\x23-\x5B\x5D-\x7E]{1,20}$/), { minLength: 1, maxLength: 5 }),
    inSeconds: fc.boolean(),
  })

  test('says in its settings what it says in the file, in whatever notation', () => {
    const property = fc.property(configs, ({ tiers, scopes, inSeconds }) => {
      const written = Object.entries(tiers).map(([name, terms]) => [name, write(terms, inSeconds)])
      const names = Object.keys(tiers)
      const guards = scopes
        .filter((scope) => scope !== '__proto__')
        .map((scope, at) => [scope, names[at % names.length]])
      const config = {
        ...sound(),
        tiers: Object.fromEntries(written) as unknown,
        resources: [{ audience: 'mail', scopes: Object.fromEntries(guards) as unknown }],
      }
      const settings = settingsOf(config)
      expect(plain(settingsOf(stringify(config)))).toEqual(plain(settings))
      for (const [name, { people, ...wanted }] of Object.entries(tiers)) {
        expect(settings.catalogue.tiers.get(name)).toEqual({
          name,
          approval: people === null ? 'policy' : people.map((group) => ({ group, count: 1 })),
          signed: false,
          separation: wanted.separation,
          binding: 'none',
          maxTtl: wanted.max_ttl,
          fresh: wanted.fresh,
          decideWithin: wanted.decide_within,
          maxWindow: wanted.max_window,
          maxDepth: wanted.delegation.max_depth,
          maxChildren: wanted.delegation.max_children,
        })
      }
      expect([...(settings.catalogue.resources.get('mail')?.scopes.keys() ?? [])].sort()).toEqual(
        guards.map(([scope]) => scope).sort(),
      )
    })
    fc.assert(property, { numRuns: 30 })
  })

  test('loads the same twice, and with keys in another order', () => {
    const turned = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(turned)
      return isSection(value)
        ? Object.fromEntries(
            Object.entries(value)
              .reverse()
              .map(([key, inner]) => [key, turned(inner)]),
          )
        : value
    }
    for (const config of [full(), local()]) {
      expect(plain(settingsOf(config))).toEqual(plain(settingsOf(config)))
      const again = settingsOf(turned(config))
      expect(again.catalogue.digest).toBe(settingsOf(config).catalogue.digest)
    }
  })
})

test('reading files is the only thing that loading does: without them it throws nothing and names each', () => {
  const loaded = loadConfig(JSON.stringify(sound()), {
    directory: '/etc/errand',
    readFile: () => {
      throw new Error('no files here')
    },
    env: {},
  })
  expect(loaded.ok ? [] : loaded.refusal.map(({ path }) => path).sort()).toEqual([
    'keys.encryption_key_file',
    'listen[0].tls.cert_file',
    'listen[0].tls.key_file',
    'resources[0].authorization_details.database_query.schema_file',
    'resources[0].clients[0].jwks_file',
    'store.password_env',
    'workloads[1].ca_file',
    'workloads[1].token_file',
  ])
})
