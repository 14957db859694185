import { connect, type Socket } from 'node:net'

/** How long the first bytes may take: a slow machine is no silence. */
const FIRST_WITHIN_MS = 30_000

/** A client without manners: it sends what it is told to, byte for byte. */
export interface RawConnection {
  send(bytes: string | Buffer): void
  /** Everything until the server ends the connection, or until it has been silent for so long after its first bytes. */
  receive(silentMs?: number): Promise<string>
  /** The connection breaks off, without a farewell. */
  reset(): void
}

export function openRaw(port: number): Promise<RawConnection> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    let ended = false
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('close', () => (ended = true))
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.on('error', () => undefined)
      resolve({
        send: (bytes) => void socket.write(bytes),
        async receive(silentMs = 3000) {
          let quiet = 0
          let seen = 0
          while (!ended && quiet < (seen === 0 ? FIRST_WITHIN_MS : silentMs)) {
            await new Promise((next) => setTimeout(next, 20))
            quiet = chunks.length === seen ? quiet + 20 : 0
            seen = chunks.length
          }
          socket.destroy()
          return Buffer.concat(chunks).toString('utf8')
        },
        reset: () => void socket.resetAndDestroy(),
      })
    })
  })
}

export interface RawAnswer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

export function parseRaw(text: string): RawAnswer {
  const [head = '', body = ''] = text.split(/\r\n\r\n([^]*)/)
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
  return { status: Number(statusLine.split(' ')[1]), headers, body }
}
