import { describe, expect, test } from '@jest/globals'
import { parseStoreUrl } from '../../../src/config/store-url.js'

describe('the URL of a store', () => {
  test.each([
    ['redis://localhost:6379', 'redis://:p%2Fw@localhost:6379'],
    ['redis://localhost', 'redis://:p%2Fw@localhost'],
    ['rediss://errand@redis.example.com:6380/3', 'rediss://errand:p%2Fw@redis.example.com:6380/3'],
    ['redis://a%40b@localhost', 'redis://a%40b:p%2Fw@localhost'],
    ['redis://[::1]:6379', 'redis://:p%2Fw@[::1]:6379'],
    ['redis+sentinel://a,b:26380,c/mymaster', 'redis+sentinel://:p%2Fw@a,b:26380,c/mymaster'],
    ['redis+sentinel://a/mymaster/2', 'redis+sentinel://:p%2Fw@a/mymaster/2'],
    ['rediss+cluster://errand@a,b,c', 'rediss+cluster://errand:p%2Fw@a,b,c'],
  ])('%s takes its password percent-encoded', (url, withPassword) => {
    const parsed = parseStoreUrl(url)
    expect(parsed.ok && parsed.value.kind === 'redis' && parsed.value.withPassword('p/w')).toBe(withPassword)
  })

  test.each([
    'redis:',
    'redis://',
    'redis://user@',
    'http://localhost',
    'redis://localhost:0',
    'redis://localhost:65536',
    'redis://localhost/db',
    'redis://localhost?db=1',
    'redis://localhost#1',
    'redis://a b',
    'redis://[::g]',
    'redis://a,b',
    'redis://u:p@localhost',
    'redis://:p@localhost',
    'redis://a%@localhost',
    'redis://u@v@localhost',
    'redis+sentinel://a,b',
    'redis+sentinel://a,b/',
    'redis+cluster://a,b/0',
    'redis+other://a',
    'embedded:',
    'embedded://data',
  ])('%s is refused', (url) => {
    expect(parseStoreUrl(url).ok).toBe(false)
  })

  test('embedded: takes any path', () => {
    expect(parseStoreUrl('embedded:./data')).toEqual({ ok: true, value: { kind: 'embedded', directory: './data' } })
    expect(parseStoreUrl('embedded:/var/lib/errand').ok).toBe(true)
  })
})
