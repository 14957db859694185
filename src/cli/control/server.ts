import { mkdirSync, rmSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import type { Log } from '../../runtime/log.js'
import { BY_COMMAND, type KeyControl } from './key-control.js'

/**
 * The running broker's ear for commands on its own machine: HTTP over a Unix socket in the data directory. The embedded
 * store is held by one process, so a command cannot open it beside the broker; and no port and no token is needed for
 * what the owner of the directory may do anyway.
 */
export interface ControlServer {
  stop(): Promise<void>
}

/** `sun_path` of the systems that we run on, with its closing zero. */
const MAX_PATH_BYTES = 103

/** @returns `undefined` when the socket cannot be made: the broker runs without it, and the log says why */
export async function openControl(path: string, keys: KeyControl, log: Log): Promise<ControlServer | undefined> {
  const server = createServer({ requestTimeout: 5000, headersTimeout: 5000 }, (request, response) => {
    void answer(request, response, keys, log)
  })
  // Node cuts a longer path short, and would listen somewhere else.
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    log.warn('control_socket_unavailable', { detail: 'the path of the data directory is too long for a socket' })
    return undefined
  }
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    if (await isListening(path)) {
      log.warn('control_socket_taken', { detail: 'another broker of this machine has it' })
      return undefined
    }
    rmSync(path, { force: true })
    await listen(server, path)
  } catch (error) {
    log.warn('control_socket_unavailable', { error })
    return undefined
  }
  return {
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** What a broker that was killed left behind does not answer. */
const isListening = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path)
    const settle = (listening: boolean): void => {
      socket.destroy()
      resolve(listening)
    }
    socket.once('connect', () => {
      settle(true)
    })
    socket.once('error', () => {
      settle(false)
    })
  })

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // The socket is made while listen() runs, and must never be open to others, were it for a moment.
    const before = process.umask(0o177)
    try {
      server.listen(path, resolve)
    } finally {
      process.umask(before)
    }
  })
}

async function answer(request: IncomingMessage, response: ServerResponse, keys: KeyControl, log: Log): Promise<void> {
  const send = (status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  try {
    switch (`${request.method ?? ''} ${request.url ?? ''}`) {
      case 'GET /keys':
        send(200, { keys: keys.list() })
        return
      case 'POST /keys/rotate':
      case 'POST /keys/rotate?at_once':
        send(200, await keys.rotate(BY_COMMAND, { atOnce: request.url?.endsWith('?at_once') === true }))
        return
      default:
        send(404, {})
    }
  } catch (error) {
    log.error('control_failed', { error })
    send(503, {})
  }
}
