import { request } from 'node:http'
import { CommandError } from '../command-error.js'
import { EXIT } from '../exit-codes.js'
import { isJson } from '../wire.js'
import type { CaControl, KeyControl } from './control.js'

/** The answer of each verb; `undefined`: no broker listens there. */
type Answered<F extends (...args: never[]) => unknown> = Promise<Awaited<ReturnType<F>> | undefined>

export const listKeysAt = async (socketPath: string): Answered<KeyControl['list']> => {
  const body = await send(socketPath, 'GET', '/keys')
  return (body as { keys: ReturnType<KeyControl['list']> } | undefined)?.keys
}

export const rotateKeysAt = async (socketPath: string, atOnce: boolean): Answered<KeyControl['rotate']> => {
  const body = await send(socketPath, 'POST', atOnce ? '/keys/rotate?at_once' : '/keys/rotate')
  return body as Awaited<ReturnType<KeyControl['rotate']>> | undefined
}

export const listAuthoritiesAt = async (socketPath: string): Answered<CaControl['list']> => {
  const body = await send(socketPath, 'GET', '/ca')
  return (body as { authorities: ReturnType<CaControl['list']> } | undefined)?.authorities
}

export const rotateAuthorityAt = async (
  socketPath: string,
  { atOnce, leaked }: { readonly atOnce: boolean; readonly leaked: boolean },
): Answered<CaControl['rotate']> => {
  const body = await send(socketPath, 'POST', `/ca/rotate${leaked ? '?leaked' : atOnce ? '?at_once' : ''}`)
  return body as Awaited<ReturnType<CaControl['rotate']>> | undefined
}

export const requestAuthorityAt = async (socketPath: string, fresh: boolean): Answered<CaControl['request']> => {
  const body = await send(socketPath, 'POST', fresh ? '/ca/csr?fresh' : '/ca/csr')
  return (body as { csr: string } | undefined)?.csr
}

export const importChainAt = async (socketPath: string, pem: string): Answered<CaControl['importChain']> => {
  const body = await send(socketPath, 'POST', '/ca/import', Buffer.from(pem))
  return body as Awaited<ReturnType<CaControl['importChain']>> | undefined
}

export const importCrlAt = async (socketPath: string, bytes: Buffer): Answered<CaControl['importCrl']> => {
  const body = await send(socketPath, 'POST', '/ca/crl', bytes)
  return body as Awaited<ReturnType<CaControl['importCrl']>> | undefined
}

const TIMEOUT_MS = 15_000
const NOBODY = new Set(['ENOENT', 'ECONNREFUSED'])

function send(socketPath: string, method: string, path: string, body?: Buffer): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const failed = (): void => {
      reject(new CommandError(EXIT.unavailable, 'the broker on this machine did not answer', 'its log says why'))
    }
    const sent = request({ socketPath, method, path, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', failed)
      response.on('end', () => {
        const answer = parse(Buffer.concat(chunks).toString('utf8'))
        if (response.statusCode === 200 && isJson(answer)) resolve(answer)
        else failed()
      })
    })
    sent.on('timeout', () => sent.destroy())
    // After a large body Node may tell of a broken pipe when all has been said; before that the request tells of it, too.
    sent.on('socket', (socket) => socket.on('error', () => undefined))
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (NOBODY.has(error.code ?? '')) resolve(undefined)
      else if (error.code === 'EACCES') reject(notYours(socketPath))
      else failed()
    })
    sent.end(body)
  })
}

const notYours = (path: string): CommandError =>
  new CommandError(EXIT.refused, `${path} is not yours to open`, 'run this as the user that the broker runs as')

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
