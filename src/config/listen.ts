import { isLoopbackHost } from './addresses.js'
import type { Draft } from './draft.js'
import type { ListenerEntry } from './document.js'
import { checkKeyPair, readCertificates, type Desk } from './files.js'
import type { Listener } from './settings.js'

/** Where Errand listens: nothing in clear text beyond this machine, unless somebody says who protects it. */
export function settleListeners(draft: Draft, desk: Desk): readonly Listener[] {
  reportRepeats(draft.listen, desk)
  const settled = draft.listen.flatMap((entry, at) =>
    entry === undefined ? [] : [settleListener(entry, at, draft, desk)],
  )
  const complete = draft.listen.length > 0 && !draft.listen.includes(undefined)
  if (complete && !settled.some(({ serve }) => serve.includes('api'))) {
    desk.report(['listen'], 'serves the api nowhere', 'add api to the serve of one listener')
  }
  return settled
}

/** Whether what the listener serves can be reached from another machine. */
export const isLocalOnly = (listener: Pick<ListenerEntry, 'host' | 'behind_proxy'>): boolean =>
  isLoopbackHost(listener.host) && !listener.behind_proxy

function settleListener(entry: ListenerEntry, at: number, draft: Draft, desk: Desk): Listener {
  checkPlainHttp(entry, at, desk)
  checkMetrics(entry, at, desk)
  checkProxies(entry, at, desk)
  if (entry.tls !== undefined) checkTls(entry.tls, entry, at, desk)
  checkMutualTls(entry, at, desk)
  const mtlsOrigin = originOf(entry, draft)
  return {
    host: entry.host,
    port: entry.port,
    serve: [...new Set(entry.serve)],
    ...(entry.tls === undefined ? {} : { tls: tlsFiles(entry.tls, desk) }),
    behindProxy: entry.behind_proxy,
    trustedProxies: entry.trusted_proxies,
    ...(mtlsOrigin === undefined ? {} : { mtlsOrigin }),
  }
}

/** Assertions and credentials are as good as passwords: whoever reads one can use it. What `pki` serves is public and signed. */
function checkPlainHttp(entry: ListenerEntry, at: number, desk: Desk): void {
  const forPkiOnly = entry.serve.every((service) => service === 'pki')
  if (entry.tls !== undefined || isLoopbackHost(entry.host) || entry.behind_proxy || forPkiOnly) return
  const remedy =
    'add tls: { cert_file, key_file }, listen on 127.0.0.1, or say behind_proxy: true where a proxy terminates TLS'
  desk.report(['listen', at], 'is plain http beyond this machine', remedy)
}

/** Metrics ask nobody who they are. */
function checkMetrics(entry: ListenerEntry, at: number, desk: Desk): void {
  if (!entry.serve.includes('metrics') || isLocalOnly(entry)) return
  if (entry.behind_proxy && entry.serve.every((service) => service === 'metrics')) return
  const remedy =
    'serve metrics on a listener of its own, on 127.0.0.1, or with behind_proxy: true where something in front decides who reads them'
  desk.report(['listen', at, 'serve'], 'shows metrics to everybody', remedy)
}

function checkProxies(entry: ListenerEntry, at: number, desk: Desk): void {
  if (entry.trusted_proxies.length > 0 && !entry.behind_proxy) {
    desk.report(
      ['listen', at, 'trusted_proxies'],
      'stands without behind_proxy',
      'say behind_proxy: true, or take it out',
    )
  }
  entry.trusted_proxies.forEach((range, position) => {
    if (!range.endsWith('/0')) return
    desk.report(['listen', at, 'trusted_proxies', position], 'believes everybody', 'name the addresses of the proxies')
  })
}

function checkTls(tls: NonNullable<ListenerEntry['tls']>, entry: ListenerEntry, at: number, desk: Desk): void {
  const path = ['listen', at, 'tls']
  checkKeyPair(desk, path, tls)
  if (tls.client_ca_file === undefined) return
  readCertificates(desk, [...path, 'client_ca_file'], tls.client_ca_file)
  if (!entry.serve.includes('mtls')) {
    desk.report([...path, 'client_ca_file'], 'is of no use without mtls', 'take it out')
  } else if (entry.behind_proxy) {
    const remedy = 'take it out: the clients are known by Client-Cert, and their certificates are checked by the proxy'
    desk.report([...path, 'client_ca_file'], 'is of the proxy, not of its clients', remedy)
  }
}

/** A certificate comes by TLS with the client, or from a proxy that somebody has named, whether or not it speaks TLS with us. */
function checkMutualTls(entry: ListenerEntry, at: number, desk: Desk): void {
  const path = ['listen', at]
  if (!entry.serve.includes('mtls')) {
    if (entry.url !== undefined) desk.report([...path, 'url'], 'is of no use without mtls', 'take it out')
    return
  }
  if (!entry.behind_proxy) {
    if (entry.tls === undefined)
      desk.report([...path, 'serve'], 'serves mtls without TLS', 'add tls: { cert_file, key_file, client_ca_file }')
    return
  }
  if (entry.trusted_proxies.length === 0) {
    const remedy =
      'name the addresses whose Client-Cert is believed (RFC 9440); these proxies must take it out of what clients send'
    desk.report([...path, 'trusted_proxies'], 'is empty, so that nobody could show a certificate', remedy)
  }
  if (entry.url === undefined)
    desk.report([...path, 'url'], 'is missing', 'say where clients reach this proxy: https://host:port')
}

/** The issuer's host with this port, unless it is said. */
function originOf({ serve, url, tls, port, behind_proxy }: ListenerEntry, { issuer }: Draft): string | undefined {
  if (!serve.includes('mtls')) return undefined
  if (url !== undefined || tls === undefined || behind_proxy || port === 0 || issuer === undefined) return url
  return new URL(`https://${new URL(issuer).hostname}:${port}`).origin
}

const tlsFiles = (tls: NonNullable<ListenerEntry['tls']>, desk: Desk): NonNullable<Listener['tls']> => ({
  certFile: desk.resolve(tls.cert_file),
  keyFile: desk.resolve(tls.key_file),
  ...(tls.client_ca_file === undefined ? {} : { clientCaFile: desk.resolve(tls.client_ca_file) }),
})

function reportRepeats(entries: Draft['listen'], desk: Desk): void {
  const seen = new Set<string>()
  entries.forEach((entry, at) => {
    // Port 0 is another port each time.
    if (entry === undefined || entry.port === 0) return
    const address = `${entry.host} ${entry.port}`
    if (seen.has(address))
      desk.report(['listen', at, 'port'], 'is listened on already', 'take another port, or join the two entries')
    seen.add(address)
  })
}
