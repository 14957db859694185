import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { IncomingMessage } from 'node:http'
import { addressKey, createAddressOf, isLoopback } from '../../../src/http/address.js'

const from = (remoteAddress: string | undefined, headers: Record<string, string> = {}) =>
  ({ socket: { remoteAddress }, headers }) as unknown as IncomingMessage
const forwarded = (peer: string, value: string) => from(peer, { 'x-forwarded-for': value })

describe('the address of the client', () => {
  test('is that of the connection, whatever headers say, when no proxy is trusted', () => {
    const addressOf = createAddressOf([])
    expect(addressOf(forwarded('203.0.113.5', '198.51.100.1'))).toBe('203.0.113.5')
    expect(addressOf(from('::ffff:203.0.113.5'))).toBe('203.0.113.5')
    expect(addressOf(from(undefined))).toBe('unknown')
  })

  const addressOf = createAddressOf(['10.0.0.0/8', '192.0.2.7', 'fd00::/8'])
  test.each([
    ['the connection is not a proxy of ours', '203.0.113.5', '198.51.100.1', '203.0.113.5'],
    ['one proxy', '10.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['what the client made up stands left of what is vouched for', '10.0.0.1', '1.1.1.1, 198.51.100.1', '198.51.100.1'],
    ['two proxies of ours', '10.0.0.1', '1.1.1.1, 198.51.100.1, 192.0.2.7', '198.51.100.1'],
    ['proxies only', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['no header', '10.0.0.1', '', '10.0.0.1'],
    ['what is not an address', '10.0.0.1', '198.51.100.1, unknown', '10.0.0.1'],
    ['a name', '10.0.0.1', 'localhost', '10.0.0.1'],
    ['an address in another notation', '10.0.0.1', '0x7f000001', '10.0.0.1'],
    ['a port', '10.0.0.1', '198.51.100.1:4711', '198.51.100.1'],
    ['IPv6 with a port', 'fd00::1', '[2001:db8::1]:4711', '2001:db8::1'],
    ['IPv4 inside IPv6', '10.0.0.1', '::ffff:198.51.100.1', '198.51.100.1'],
    ['a neighbour of the one address', '192.0.2.8', '198.51.100.1', '192.0.2.8'],
  ])('%s', (_, peer, header, expected) => {
    expect(addressOf(forwarded(peer, header))).toBe(expected)
  })

  test('cannot be chosen by what a client sends: only what the trusted proxy added counts', () => {
    fc.assert(
      fc.property(fc.string(), (madeUp) => {
        expect(addressOf(forwarded('10.0.0.1', `${madeUp}, 198.51.100.1`))).toBe('198.51.100.1')
      }),
    )
  })
})

describe('what is counted together', () => {
  test('is one IPv4 address, or one /64 of IPv6', () => {
    expect(addressKey('198.51.100.1')).toBe('198.51.100.1')
    expect(addressKey('2001:db8:1:2:aaaa::1')).toBe(addressKey('2001:db8:1:2:bbbb::9'))
    expect(addressKey('2001:db8:1:2::1')).not.toBe(addressKey('2001:db8:1:3::1'))
    expect(addressKey('unknown')).toBe('unknown')
  })
})

describe('a caller on this very machine', () => {
  test.each([
    ['127.0.0.1', {}, false, true],
    ['127.8.8.8', {}, false, true],
    ['::1', {}, false, true],
    ['::ffff:127.0.0.1', {}, false, true],
    ['203.0.113.5', {}, false, false],
    ['127.0.0.1', {}, true, false],
    ['127.0.0.1', { 'x-forwarded-for': '203.0.113.5' }, false, false],
    ['127.0.0.1', { forwarded: 'for=203.0.113.5' }, false, false],
    ['127.0.0.1', { 'x-real-ip': '203.0.113.5' }, false, false],
    ['127.0.0.1', { via: '1.1 proxy' }, false, false],
  ])('%s with %j, behind a proxy: %s → %s', (peer, headers, behindProxy, expected) => {
    expect(isLoopback(from(peer, headers as Record<string, string>), behindProxy)).toBe(expected)
  })
})
