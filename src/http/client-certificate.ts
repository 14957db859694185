import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import { ok, refuse, type Result } from '../runtime/result.js'
import type { ClientCertificate } from '../workloads/client-certificate.js'
import { isPeerWithin } from './address.js'
import { parseClientCertHeaders } from './client-cert-header.js'
import type { HttpRefusal } from './errors.js'
import type { Service } from './route.js'

/** The certificate that the client of a request has shown; `undefined` when it has shown none. */
export type ClientCertificateOf = (req: IncomingMessage) => Result<ClientCertificate | undefined, HttpRefusal>

interface CertificateListener {
  readonly serve: readonly Service[]
  readonly tls?: { readonly clientCaFile?: string }
  readonly behindProxy: boolean
  readonly trustedProxies: readonly string[]
}

/** Whether an authority that was taken back, since its key has leaked, signed one of these certificates, DER. */
export type IsTakenBack = (chain: readonly Buffer[]) => boolean

const MAX_CHAIN = 8
const NONE = ok(undefined)

/**
 * Only a listener that serves `mtls` knows certificates: where clients connect to it, those of the connection; behind a
 * proxy, those of RFC 9440, and only when the connection comes from a configured address. What a proxy shows of its
 * own, where it speaks TLS with us, is the same for all of its clients, and proves the key of none. `Client-Cert` from
 * anybody else is the client's own word: it is not read, there and at every other listener (RFC 9440 §4).
 */
export function createClientCertificateOf(
  listener: CertificateListener,
  isTakenBack: IsTakenBack,
): ClientCertificateOf {
  const { serve, tls, behindProxy, trustedProxies } = listener
  if (!serve.includes('mtls')) return () => NONE
  if (tls !== undefined && !behindProxy)
    return unlessTakenBack(ofConnections(tls.clientCaFile !== undefined), isTakenBack)
  const isProxy = isPeerWithin(trustedProxies)
  return (req) => {
    if (!isProxy(req)) return NONE
    const chain = parseClientCertHeaders(header(req, 'client-cert'), header(req, 'client-cert-chain'))
    if (!chain.ok) return refuse({ reason: 'malformed_request', detail: chain.refusal })
    // Which chains a proxy lets through is not known here: the key is proved, and nothing else.
    return chain.value === undefined ? NONE : ok({ chain: chain.value, verified: false })
  }
}

/**
 * TLS believes whatever `client_ca_file` says, and our own authorities may stand in it. Asked with
 * each request, since a connection may be older than the leak.
 */
const unlessTakenBack =
  (certificateOf: ClientCertificateOf, isTakenBack: IsTakenBack): ClientCertificateOf =>
  (req) => {
    const shown = certificateOf(req)
    if (!shown.ok || shown.value?.verified !== true || !isTakenBack(shown.value.chain)) return shown
    return refuse({ reason: 'client_certificate_not_accepted' })
  }

/** A connection has one certificate for its whole life: renegotiation is off (`server.ts`). */
function ofConnections(hasCa: boolean): ClientCertificateOf {
  const known = new WeakMap<object, ReturnType<ClientCertificateOf>>()
  return ({ socket }) => {
    const earlier = known.get(socket)
    if (earlier !== undefined) return earlier
    const certificate = socket instanceof TLSSocket ? ofSocket(socket, hasCa) : NONE
    known.set(socket, certificate)
    return certificate
  }
}

function ofSocket(socket: TLSSocket, hasCa: boolean): ReturnType<ClientCertificateOf> {
  const leaf = socket.getPeerX509Certificate()
  if (leaf === undefined) return NONE
  // Whoever shows one is told that it is not accepted, and does not get less than it believes to have asked for.
  if (hasCa && !socket.authorized) return refuse({ reason: 'client_certificate_not_accepted' })
  const issuers: Buffer[] = []
  for (let at = leaf; issuers.length < MAX_CHAIN;) {
    const issuer = at.issuerCertificate
    if (issuer === undefined || issuer.raw.equals(at.raw)) break
    issuers.push(issuer.raw)
    at = issuer
  }
  return ok({ chain: [leaf.raw, ...issuers], verified: hasCa })
}

const header = ({ headers }: IncomingMessage, name: string): string | undefined => {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}
