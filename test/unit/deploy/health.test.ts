import { afterEach, describe, expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { at } from '../../../config/tooling/paths.mjs'

describe('the health check of the image', () => {
  let server: Server | undefined
  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
  })

  async function exitCodeWith(listener: RequestListener): Promise<unknown> {
    server = createServer(listener).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return exitCodeFor(`http://127.0.0.1:${(server.address() as AddressInfo).port}/healthz`)
  }

  async function exitCodeFor(url: string): Promise<unknown> {
    const child = spawn(process.execPath, [at('deploy/health.mjs')], {
      env: { ERRAND_HEALTH_URL: url },
      stdio: 'ignore',
    })
    const [code] = (await once(child, 'exit')) as unknown[]
    return code
  }

  test('is well when the broker answers', async () => {
    expect(await exitCodeWith((_, response) => response.end('{}'))).toBe(0)
  })

  test('is not when it answers that it is not', async () => {
    expect(await exitCodeWith((_, response) => response.writeHead(503).end())).toBe(1)
  })

  test('is not when somebody else answers in its place', async () => {
    expect(
      await exitCodeWith((_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()),
    ).toBe(1)
  })

  test('is not when nobody answers', async () => {
    expect(await exitCodeFor('http://127.0.0.1:1/healthz')).toBe(1)
  })
})
