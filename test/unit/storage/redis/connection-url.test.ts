import { describe, expect, test } from '@jest/globals'
import { parseConnectionUrl } from '../../../../src/storage/redis/connection-url.js'

const local = { host: 'localhost', port: 6379 }

describe('contract §3: the url of the store', () => {
  test.each([
    ['redis://localhost', { kind: 'single', tls: false, node: local, db: 0 }],
    ['redis://localhost:7000/3', { kind: 'single', tls: false, node: { host: 'localhost', port: 7000 }, db: 3 }],
    ['rediss://localhost', { kind: 'single', tls: true, node: local, db: 0 }],
    ['redis://[::1]:7000', { kind: 'single', tls: false, node: { host: '::1', port: 7000 }, db: 0 }],
    [
      'redis://errand:a%40b@localhost',
      { kind: 'single', tls: false, node: local, db: 0, username: 'errand', password: 'a@b' },
    ],
    ['redis://:a:b@localhost', { kind: 'single', tls: false, node: local, db: 0, password: 'a:b' }],
    [
      'redis+sentinel://a,b:7000/mymaster',
      {
        kind: 'sentinel',
        tls: false,
        nodes: [
          { host: 'a', port: 26_379 },
          { host: 'b', port: 7000 },
        ],
        master: 'mymaster',
        db: 0,
      },
    ],
    [
      'rediss+cluster://a,b:7000',
      {
        kind: 'cluster',
        tls: true,
        nodes: [
          { host: 'a', port: 6379 },
          { host: 'b', port: 7000 },
        ],
      },
    ],
  ])('%s', (url, place) => {
    expect(parseConnectionUrl(url)).toEqual(place)
  })

  test.each([
    'http://localhost',
    'redis://',
    'redis://a,b',
    'redis://localhost/one',
    'redis://localhost:99999',
    'redis+sentinel://a,b',
    'redis+cluster://a/1',
    'redis://u:%zz-secret@localhost',
    'redis://u:secret@localhost?x=1',
  ])('%s is refused, and not quoted', (url) => {
    expect(() => parseConnectionUrl(url)).toThrow(TypeError)
    expect(() => parseConnectionUrl(url)).not.toThrow(/secret/)
  })
})
