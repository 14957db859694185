import type { IncomingMessage } from 'node:http'
import ipaddr from 'ipaddr.js'

type Range = readonly [ipaddr.IPv4 | ipaddr.IPv6, number]

/**
 * The client's address. Without trusted proxies it is the connection's. Else `X-Forwarded-For` is read from the right:
 * each trusted proxy vouches for the one entry that it added, so the first address that is not trusted is the client,
 * and whatever stands left of it was made up by the client (MDN, "Selecting an IP address").
 */
export function createAddressOf(trustedProxies: readonly string[]): (req: IncomingMessage) => string {
  if (trustedProxies.length === 0) return peerOf
  const isTrusted = createIsWithin(trustedProxies)
  return (req) => {
    const peer = peerOf(req)
    if (!isTrusted(peer)) return peer
    const hops = String(req.headers['x-forwarded-for'] ?? '').split(',')
    let address = peer
    for (const hop of hops.reverse()) {
      const parsed = parseAddress(withoutPort(hop.trim()))
      // What cannot be read was not written by a proxy that is trusted: the last hop that vouched stands.
      if (parsed === undefined) return address
      address = parsed.toString()
      if (!isTrusted(address)) return address
    }
    return address
  }
}

/** Whether the connection itself comes from one of these addresses, whatever a header says. */
export function isPeerWithin(addresses: readonly string[]): (req: IncomingMessage) => boolean {
  const isWithin = createIsWithin(addresses)
  return (req) => isWithin(peerOf(req))
}

function createIsWithin(addresses: readonly string[]): (address: string) => boolean {
  const ranges = addresses.map(parseRange)
  return (address) => {
    const parsed = parseAddress(address)
    return parsed !== undefined && ranges.some((range) => matches(parsed, range))
  }
}

const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via']

/**
 * Whether somebody on this very machine connected. A proxy on this machine speaks for others, so a listener behind one
 * never says so, and neither does a request that was forwarded.
 */
export const isLoopback = (req: IncomingMessage, behindProxy: boolean): boolean => {
  if (behindProxy || PROXY_HEADERS.some((name) => req.headers[name] !== undefined)) return false
  const peer = peerOf(req)
  return peer === '::1' || peer.startsWith('127.')
}

/** What is counted together: an IPv4 address, or the /64 that one IPv6 host has to itself. */
export function addressKey(address: string): string {
  if (!address.includes(':')) return address
  const parsed = parseAddress(address)
  if (parsed === undefined || parsed.kind() === 'ipv4') return address
  return `${(parsed as ipaddr.IPv6).parts.slice(0, 4).join(':')}/64`
}

function peerOf(req: IncomingMessage): string {
  const address = req.socket.remoteAddress ?? 'unknown'
  return address.startsWith('::ffff:') ? address.slice(7) : address
}

function parseRange(text: string): Range {
  if (text.includes('/')) return ipaddr.parseCIDR(text)
  const address = ipaddr.parse(text)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}

const matches = (address: ipaddr.IPv4 | ipaddr.IPv6, [network, bits]: Range): boolean =>
  address.kind() === network.kind() && address.match(network, bits)

/** IPv4 in four parts and IPv6 only; IPv4 inside IPv6 is IPv4. */
function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  const isIpv4 = ipaddr.IPv4.isValidFourPartDecimal(text)
  if (!isIpv4 && !ipaddr.IPv6.isValid(text)) return undefined
  return ipaddr.process(text)
}

/** `192.0.2.1:4711` and `[2001:db8::1]:4711` as some proxies write them. */
const withoutPort = (hop: string): string =>
  hop.replace(/^\[(.+)\](?::\d{1,5})?$/, '$1').replace(/^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/, '$1')
