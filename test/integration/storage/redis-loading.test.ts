import { afterEach, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { createClient, type RedisClient } from '../../../src/storage/redis/connect.js'

let server: Server | undefined
let client: RedisClient | undefined
afterEach(() => {
  client?.disconnect()
  server?.close()
})

/** Says at first that it is still loading, and for how long it expects to: what a Redis says whose file is large. */
async function loadingServer(expected: number): Promise<number> {
  let asked = 0
  server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', () => {
      asked += 1
      const info = asked === 1 ? `loading:1\r\nloading_eta_seconds:${expected}\r\n` : 'loading:0\r\n'
      socket.write(`$${info.length}\r\n${info}\r\n`)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

test('a Redis that is loading is asked again soon, however long it expects to take', async () => {
  const port = await loadingServer(3600)
  client = createClient({
    url: `redis://127.0.0.1:${port}`,
    commandTimeoutMs: 60_000,
    onEvent: () => undefined,
    onError: () => undefined,
  })
  const start = performance.now()
  await client.connect()
  // ioredis would wait for as long as Redis says, ten seconds at the most.
  expect(performance.now() - start).toBeLessThan(9000)
})
