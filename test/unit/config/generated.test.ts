import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'
import { configurationDocuments } from '../../../src/config/generate-docs.js'
import { loadConfig } from '../../../src/config/load-config.js'
import { configFile, readSettings } from '../../../src/config/read-settings.js'
import { configShape } from '../../../src/config/shape.js'
import { sound } from './support.js'

const root = new URL('../../../', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8')

describe('what is generated from the schema', () => {
  test.each(configurationDocuments)('$path is up to date; if not: npm run docs', ({ path, make }) => {
    expect(read(path)).toBe(make())
  })

  test('config/errand.schema.json is a JSON Schema that takes what loads', () => {
    const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(
      JSON.parse(read('config/errand.schema.json')) as object,
    )
    const sentences = [sound(), parse(read('config/errand.yaml')) as unknown]
    for (const sentence of sentences) expect(validate(sentence) ? [] : validate.errors).toEqual([])
    expect(validate({ ...sound(), polices: 'x' })).toBe(false)
  })

  test('every key has a description, and stands in docs/configuration.md', () => {
    const reference = read('docs/configuration.md')
    const keys = (node: unknown): readonly (readonly [string, unknown])[] => {
      if (typeof node !== 'object' || node === null) return []
      const properties = 'properties' in node ? Object.entries(node.properties as object) : []
      return [...properties, ...Object.values(node).flatMap(keys)]
    }
    const all = keys(configShape())
    expect(all.length).toBeGreaterThan(100)
    for (const [key, node] of all) {
      expect(node).toHaveProperty('description')
      expect(reference).toContain(`\`${key}\``)
    }
  })
})

describe('the shipped config/errand.yaml', () => {
  test('loads, for this machine alone', () => {
    const loaded = readSettings(undefined, {})
    expect(loaded.ok ? [] : loaded.refusal).toEqual([])
    if (!loaded.ok) return
    expect(loaded.value).toMatchObject({
      issuer: 'http://127.0.0.1:8080',
      store: { kind: 'embedded', directory: fileURLToPath(new URL('data', root)) },
    })
    expect(loaded.value.listen.map(({ host }) => host)).toEqual(['127.0.0.1', '127.0.0.1'])
    expect(loaded.value.people).toMatchObject([{ kind: 'local' }])
  })

  test('its examples in comments load as well', () => {
    const shipped = read('config/errand.yaml')
    const text = shipped.replaceAll(/^ {2}# (- name: github| {2}\w+:.*)$/gm, '  $1')
    const loaded = loadConfig(text, { directory: '/etc/errand', readFile: () => Buffer.alloc(0), env: {} })
    expect(loaded.ok ? loaded.value.workloads.map(({ name }) => name) : loaded.refusal).toEqual(['local-ci', 'github'])
  })
})

describe('where the configuration is', () => {
  test('the path given, else ERRAND_CONFIG, else the shipped file', () => {
    const shipped = fileURLToPath(new URL('config/errand.yaml', root))
    expect(configFile('/a.yaml', { ERRAND_CONFIG: '/b.yaml' })).toBe('/a.yaml')
    expect(configFile(undefined, { ERRAND_CONFIG: '/b.yaml' })).toBe('/b.yaml')
    expect(configFile(undefined, { ERRAND_CONFIG: '' })).toBe(shipped)
    expect(configFile(undefined, {})).toBe(shipped)
  })

  test('a file that is not there is a fault with a remedy', () => {
    const loaded = readSettings('/nowhere/errand.yaml', {})
    expect(loaded).toEqual({
      ok: false,
      refusal: [
        {
          path: '(the file)',
          message: '/nowhere/errand.yaml cannot be read',
          remedy: expect.stringContaining('ERRAND_CONFIG'),
        },
      ],
    })
  })
})
