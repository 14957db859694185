import { describe, expect, test } from '@jest/globals'
import { compileJsonSchema } from '../../../src/runtime/json-schema.js'

const checkOf = (schema: unknown) => {
  const compiled = compileJsonSchema(schema)
  if (!compiled.ok) throw new Error(compiled.refusal)
  return compiled.value
}

const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) })

describe('a schema that is not strictly draft 2020-12, in one piece, is refused', () => {
  test.each([
    ['a boolean', true, /not an object/],
    ['a list', [], /not an object/],
    ['nothing', undefined, /not an object/],
    ['another draft', { $schema: 'http://json-schema.org/draft-07/schema#' }, /\$schema is not/],
    ['an unknown keyword', { type: 'object', propertees: {} }, /unknown keyword/],
    ['an unknown format', { type: 'string', format: 'colour' }, /unknown format/],
    ['an unknown type', { type: 'money' }, /schema is invalid|JSONType/],
    ['a remote reference', { $ref: 'https://example.com/a.json' }, /out of the file/],
    ['a relative reference', { properties: { a: { $ref: 'other.json#/a' } }, type: 'object' }, /out of the file/],
    ['a remote dynamic reference', { $dynamicRef: 'https://example.com/a.json' }, /out of the file/],
    ['a reference to nothing', { $ref: '#/$defs/a' }, /can't resolve/],
    ['an asynchronous schema', { $async: true, type: 'object' }, /\$async/],
    ['a schema that is nested too deep', nested(40), /nested deeper/],
    [
      'a schema with too many parts',
      {
        type: 'object',
        properties: Object.fromEntries(Array.from({ length: 5001 }, (_, at) => [`p${at}`, { type: 'string' }])),
      },
      /more than/,
    ],
    ['a pattern that is none', { type: 'string', pattern: '(' }, /./],
  ])('%s', (_, schema, message) => {
    const compiled = compileJsonSchema(schema)
    expect(compiled.ok ? '' : compiled.refusal).toMatch(message)
  })
})

describe('a check', () => {
  const check = checkOf({
    $defs: { table: { type: 'string', format: 'uri' } },
    type: 'object',
    properties: { type: { const: 'query' }, table: { $ref: '#/$defs/table' }, rows: { type: 'integer', maximum: 10 } },
    required: ['type'],
    additionalProperties: false,
  })

  test('says nothing of what is valid', () => {
    expect(check({ type: 'query', table: 'https://example.com/t', rows: 3 })).toBeUndefined()
  })

  test('says where and what is wrong, and never the value', () => {
    expect(check({ type: 'query', rows: 'secret' })).toBe('/rows must be integer')
    expect(check({ type: 'secret' })).toBe('/type must be equal to constant')
    expect(check({ type: 'query', table: 'secret' })).toBe('/table must match format "uri"')
    expect(check({ type: 'query', secret: 1 })).toBe('must NOT have additional properties')
    expect(check('secret')).toBe('must be object')
  })

  test('changes nothing and converts nothing', () => {
    const value = Object.freeze({ type: 'query', rows: '3' })
    expect(checkOf({ type: 'object', properties: { rows: { type: 'integer', default: 1 } } })(value)).toBe(
      '/rows must be integer',
    )
  })

  test('looks at own members only', () => {
    const required = checkOf({ type: 'object', properties: { toString: { type: 'string' } }, required: ['toString'] })
    expect(required({})).toMatch(/required property 'toString'/)
  })

  test('does not follow a value deeper than 32 levels, also where the schema is recursive', () => {
    const tree = checkOf({
      $id: 'tree',
      type: 'object',
      properties: { a: { anyOf: [{ $ref: '#' }, { type: 'integer' }] } },
    })
    expect(tree(nested(32))).toBeUndefined()
    expect(tree(nested(33))).toBe('is nested deeper than 32')
  })

  test('of one schema knows nothing of another with the same $id', () => {
    expect(checkOf({ $id: 'same', type: 'string' })('a')).toBeUndefined()
    expect(checkOf({ $id: 'same', type: 'integer' })('a')).toBe('must be integer')
  })
})
