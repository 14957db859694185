import { request } from 'node:http'
import { CommandError } from '../command-error.js'
import { EXIT } from '../exit-codes.js'
import { isJson } from '../wire.js'
import type { KeyControl } from './key-control.js'

type Listed = ReturnType<KeyControl['list']>
type Rotated = Awaited<ReturnType<KeyControl['rotate']>>

/** `undefined`: no broker listens there. */
export const listKeysAt = async (socketPath: string): Promise<Listed | undefined> => {
  const body = await send(socketPath, 'GET', '/keys')
  return body === undefined ? undefined : (body as { keys: Listed }).keys
}

export const rotateKeysAt = async (socketPath: string, atOnce: boolean): Promise<Rotated | undefined> => {
  const body = await send(socketPath, 'POST', atOnce ? '/keys/rotate?at_once' : '/keys/rotate')
  return body as Rotated | undefined
}

const TIMEOUT_MS = 15_000
const NOBODY = new Set(['ENOENT', 'ECONNREFUSED'])

function send(socketPath: string, method: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const failed = (): void => {
      reject(new CommandError(EXIT.unavailable, 'the broker on this machine did not answer', 'its log says why'))
    }
    const sent = request({ socketPath, method, path, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', failed)
      response.on('end', () => {
        const body = parse(Buffer.concat(chunks).toString('utf8'))
        if (response.statusCode === 200 && isJson(body)) resolve(body)
        else failed()
      })
    })
    sent.on('timeout', () => sent.destroy())
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (NOBODY.has(error.code ?? '')) resolve(undefined)
      else if (error.code === 'EACCES') reject(notYours(socketPath))
      else failed()
    })
    sent.end()
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
