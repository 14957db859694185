import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { exampleGrant, firstCellsOf } from '../../support/contract-document.js'
import { startBroker, type TestBroker } from '../../support/broker.js'
import { templateOf, undocumented, type OpenapiDocument } from '../../support/documented.js'

let broker: TestBroker
let document: OpenapiDocument
beforeAll(async () => {
  broker = await startBroker()
  document = (await broker.fetch('/openapi.json')).body as unknown as OpenapiDocument
})
afterAll(() => broker.stop())

describe('/openapi.json', () => {
  test('is valid by the schema of OpenAPI 3.1', async () => {
    const validator = new Validator()
    const { valid, errors } = await validator.validate(structuredClone(document) as unknown as Record<string, unknown>)
    expect({ valid, errors, version: validator.version }).toEqual({ valid: true, errors: undefined, version: '3.1' })
  })

  test('that schema refuses a document that is none', async () => {
    const broken = { ...structuredClone(document), info: { title: 'no version' } }
    expect((await new Validator().validate(broken as unknown as Record<string, unknown>)).valid).toBe(false)
  })

  test('each of its schemas is JSON Schema 2020-12, with no keyword that nobody knows', () => {
    const schemas = schemasIn(document)
    expect(schemas.length).toBeGreaterThan(60)
    // What an unknown keyword says is not checked by anybody.
    const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, validateFormats: false })
    for (const schema of schemas) expect(() => ajv.compile(schema)).not.toThrow()
  })

  test('operations have ids of their own, and each parameter of a path is described', () => {
    const operations = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.values(item).map((operation) => ({ path, operation: operation as unknown as Record<string, unknown> })),
    )
    const ids = operations.map(({ operation }) => operation['operationId'])
    expect(new Set(ids).size).toBe(ids.length)
    for (const { path, operation } of operations) {
      const parameters = (operation['parameters'] ?? []) as { in: string; name: string }[]
      const named = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => `{${name}}`)
      expect(named).toEqual(path.match(/\{\w+\}/g) ?? [])
    }
  })

  describe('docs/contract.md', () => {
    const below = (...names: readonly string[]): Record<string, unknown> =>
      names.reduce<unknown>((value, name) => (value as Record<string, unknown>)[name], document) as Record<
        string,
        unknown
      >
    const JSON_BODY = ['content', 'application/json', 'schema'] as const

    test('contract §1, Endpoints: every operation stands in it, and no other', () => {
      const served = Object.entries(document.paths).flatMap(([path, item]) =>
        Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
      )
      expect(firstCellsOf('Endpoints').toSorted()).toEqual(served.sort())
    })

    test('contract §1, Answer: its members', () => {
      const members = below('paths', '/token', 'post', 'responses', '200', ...JSON_BODY, 'properties')
      expect(firstCellsOf('Answer').toSorted()).toEqual(Object.keys(members).sort())
    })

    test('every parameter of the token endpoint', () => {
      const form = ['requestBody', 'content', 'application/x-www-form-urlencoded', 'schema', 'properties']
      const parameters = below('paths', '/token', 'post', ...form)
      expect(firstCellsOf('`POST /token`').toSorted()).toEqual(Object.keys(parameters).sort())
    })

    test('contract §1, "A grant": the example is one', () => {
      const shown = exampleGrant()
      const grant = { method: 'GET', path: '/grants/{id}', status: 200, contentType: 'application/json' }
      expect(undocumented(document, { ...grant, body: JSON.stringify(shown) })).toEqual([])
      const members = below('paths', '/grants/{id}', 'get', 'responses', '200', ...JSON_BODY, 'properties')
      expect([...Object.keys(shown), 'ended'].sort()).toEqual(Object.keys(members).sort())
    })
  })
})

describe('RFC 9110 §13.1.2: what carries an ETag is answered 304 to whoever has it, and the description says so', () => {
  const paths = (): readonly string[] => {
    const { authorities } = broker.broker
    const ids = authorities.list().flatMap(({ id }) => [`/ca/${id}`, `/crl/${id}`])
    const open = Object.entries(document.paths).filter(([path, item]) => item['get'] && !path.includes('{'))
    return [...open.map(([path]) => path), ...ids]
  }

  test('each such document, and no other', async () => {
    const withTags = new Set<string>()
    for (const path of paths()) {
      const etag = (await broker.fetch(path)).headers.get('etag')
      const template = templateOf(document, path) ?? ''
      const isDescribed = document.paths[template]?.['get']?.responses['304'] !== undefined
      expect([path, isDescribed]).toEqual([path, etag !== null])
      if (etag === null) continue
      withTags.add(template)
      const again = await broker.fetch(path, { headers: { 'If-None-Match': etag } })
      expect([path, again.status, again.headers.get('etag')]).toEqual([path, 304, etag])
    }
    expect([...withTags].sort()).toEqual([
      '/.well-known/oauth-authorization-server',
      '/.well-known/openid-configuration',
      '/ca',
      '/ca/{id}',
      '/crl',
      '/crl/{id}',
      '/jwks',
      '/openapi.json',
      '/spiffe/bundle',
    ])
  })
})

describe('what is looked at in every answer of the HTTP tests', () => {
  const task = {
    id: 'tk_1',
    grant_id: 'gr_1',
    status: 'open',
    task: '',
    workload: 'spiffe://errand.test/ci/74',
    opened_at: '2033-05-18T03:33:20Z',
    lease_until: '2033-05-18T03:48:20Z',
  }
  const answer = (body: unknown, more: Record<string, unknown> = {}) =>
    undocumented(document, {
      method: 'GET',
      path: '/tasks/{id}',
      status: 200,
      contentType: 'application/json',
      body: JSON.stringify(body),
      ...more,
    })

  test('an answer as described passes', () => {
    expect(answer(task)).toEqual([])
  })
  test.each([
    ['a member is missing', { ...task, status: undefined }, {}],
    ['a member is not described', { ...task, secret: 'x' }, {}],
    ['a member has another value', { ...task, status: 'sleeping' }, {}],
    ['a member has another type', { ...task, opened_at: 5 }, {}],
    ['the content type is another', task, { contentType: 'text/html' }],
    [
      'an error has the body of another style',
      { error: 'invalid_request' },
      { status: 400, contentType: 'application/problem+json' },
    ],
    ['the operation is not described', task, { method: 'DELETE' }],
    ['HEAD has a body', task, { method: 'HEAD' }],
  ])('it fails when %s', (_case, body, more) => {
    expect(answer(body, more)).not.toEqual([])
  })

  test('a path finds its template, and a longer or unknown one does not', () => {
    expect(templateOf(document, '/grants/gr_1/reviews')).toBe('/grants/{id}/reviews')
    expect(templateOf(document, '/grants/gr_1/reviews/2')).toBeUndefined()
    expect(templateOf(document, '/openapiXjson')).toBeUndefined()
  })
})

function schemasIn(value: unknown): readonly object[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]) =>
    name === 'schema' ? [inner as object] : schemasIn(inner),
  )
}
