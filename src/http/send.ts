import type { ServerResponse } from 'node:http'
import type { HttpAnswer } from './answer.js'

/** Writes the answer. Returns the number of bytes of the body. */
export function sendAnswer(res: ServerResponse, answer: HttpAnswer, common: readonly string[]): void {
  watchDelivery(res, answer.onSent)
  if (res.destroyed || res.headersSent) return
  const payload = payloadOf(answer.body)
  const headers = [...common]
  let typed = payload === undefined
  for (const [name, value] of Object.entries(answer.headers ?? {})) {
    headers.push(name, value)
    if (name === 'Content-Type') typed = true
  }
  if (!typed) headers.push('Content-Type', 'application/json')
  // A body that must not be there has no length either (RFC 9110 §8.6).
  if (answer.status !== 204 && answer.status !== 304) headers.push('Content-Length', String(lengthOf(payload)))
  res.writeHead(answer.status, headers)
  res.end(payload)
}

const payloadOf = (body: unknown): string | Uint8Array | undefined => {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) return body
  return JSON.stringify(body)
}

const lengthOf = (payload: string | Uint8Array | undefined): number =>
  payload === undefined ? 0 : typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length

/** `finish`: all of it was handed to the system. `close` without it: the client had gone. */
function watchDelivery(res: ServerResponse, onSent: HttpAnswer['onSent']): void {
  if (onSent === undefined) return
  if (res.destroyed || res.socket === null || res.socket.destroyed) {
    onSent(false)
    return
  }
  let told = false
  const tell = (sent: boolean) => () => {
    if (told) return
    told = true
    onSent(sent)
  }
  res.once('finish', tell(true))
  res.once('close', tell(false))
}
