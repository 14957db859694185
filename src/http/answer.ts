import type { ClientCertificate } from '../workloads/client-certificate.js'

/** What an endpoint answers, before it is written. Endpoints return one of these and never touch the response. */
export interface HttpAnswer {
  readonly status: number
  /** On top of the common ones; `Content-Type` is JSON unless it is said here. */
  readonly headers?: Readonly<Record<string, string>>
  /** Text and bytes are sent as they are, `undefined` is no body, anything else is sent as JSON. */
  readonly body?: unknown
  /**
   * Called once: true when the answer was handed to the network, false when the client had gone before. A credential
   * that was not sent is voided (invariant 9).
   */
  readonly onSent?: (sent: boolean) => void
  /** The caller proved nothing, and why: counted, and charged to its address (invariant 14). */
  readonly unverified?: string
}

/** Who is asking, as far as HTTP can say. */
export interface RequestContext {
  readonly requestId: string
  /** The client's address: the connection's, or what trusted proxies say. */
  readonly address: string
  /** The connection comes from this very machine, and no proxy stands between. */
  readonly loopback: boolean
  readonly method: string
  /** As it was sent, escapes and all, without the query. */
  readonly path: string
  readonly authorization: string | undefined
  readonly dpop: string | undefined
  /** At listeners that serve `mtls`: the certificate whose key the client has proved. */
  readonly clientCertificate?: ClientCertificate
  /** Any other header, by its lowercase name; repeated ones joined as node:http does. */
  readonly header: (name: string) => string | undefined
}

export const jsonAnswer = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer => ({ status, headers: { 'Cache-Control': 'no-store', ...headers }, body })
