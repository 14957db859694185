import { isIPv4, isIPv6 } from 'node:net'
import { isLoopback } from '../runtime/bounded-fetch.js'

/** Of a URL or a listener: loopback by name or literal address; nothing is looked up. */
export const isLoopbackHost = (host: string): boolean => host === '::1' || isLoopback(host.toLowerCase())

export const isListenHost = (host: string): boolean => host === 'localhost' || isIPv4(host) || isIPv6(host)

/** `10.0.0.0/8`, `fd00::/8`, or one address. */
export function isAddressRange(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const most = isIPv4(address) ? 32 : isIPv6(address) ? 128 : undefined
  if (most === undefined || rest.length > 0) return false
  return bits === undefined || (/^(?:0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= most)
}

/**
 * Two spellings of one URL become one text; a plain name stays as it is. For comparing only: what goes into a token is
 * always the text as configured.
 */
export const comparable = (text: string): string => (URL.canParse(text) ? new URL(text).href.replace(/\/+$/, '') : text)
