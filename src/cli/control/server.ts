import { mkdirSync, rmSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import type { Log } from '../../runtime/log.js'
import { BY_COMMAND, MAX_BODY, type Control } from './control.js'

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
export async function openControl(path: string, control: Control, log: Log): Promise<ControlServer | undefined> {
  const server = createServer({ requestTimeout: 5000, headersTimeout: 5000 }, (request, response) => {
    void answer(request, response, control, log)
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

type Work = (control: Control, body: Buffer) => unknown

/** By method and target. */
const WORK: ReadonlyMap<string, Work> = new Map<string, Work>([
  ['GET /keys', ({ keys }) => ({ keys: keys.list() })],
  ['POST /keys/rotate', ({ keys }) => keys.rotate(BY_COMMAND, { atOnce: false })],
  ['POST /keys/rotate?at_once', ({ keys }) => keys.rotate(BY_COMMAND, { atOnce: true })],
  ['GET /ca', ({ authorities }) => ({ authorities: authorities.list() })],
  ['POST /ca/rotate', ({ authorities }) => authorities.rotate(BY_COMMAND, { atOnce: false, leaked: false })],
  ['POST /ca/rotate?at_once', ({ authorities }) => authorities.rotate(BY_COMMAND, { atOnce: true, leaked: false })],
  ['POST /ca/rotate?leaked', ({ authorities }) => authorities.rotate(BY_COMMAND, { atOnce: true, leaked: true })],
  ['POST /ca/csr', async ({ authorities }) => ({ csr: await authorities.request(BY_COMMAND, { fresh: false }) })],
  ['POST /ca/csr?fresh', async ({ authorities }) => ({ csr: await authorities.request(BY_COMMAND, { fresh: true }) })],
  ['POST /ca/import', ({ authorities }, body) => authorities.importChain(BY_COMMAND, body.toString('utf8'))],
  ['POST /ca/crl', ({ authorities }, body) => authorities.importCrl(BY_COMMAND, body)],
])

async function answer(request: IncomingMessage, response: ServerResponse, control: Control, log: Log): Promise<void> {
  const send = (status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  try {
    const work = WORK.get(`${request.method ?? ''} ${request.url ?? ''}`)
    const body = await bodyOf(request)
    if (work === undefined) send(404, {})
    else if (body === undefined) send(413, {})
    else send(200, await work(control, body))
  } catch (error) {
    log.error('control_failed', { error })
    send(503, {})
  }
}

/** `undefined`: it is larger than anything that belongs here. Read to its end all the same, since who still writes hears no answer. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length <= MAX_BODY) chunks.push(chunk)
  }
  return length <= MAX_BODY ? Buffer.concat(chunks) : undefined
}
