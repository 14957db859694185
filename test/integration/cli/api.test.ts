import { createServer, type RequestListener, type Server } from 'node:http'
import { afterEach, describe, expect, test } from '@jest/globals'
import { createApi } from '../../../src/cli/api.js'
import { listenOnLoopback, stopListening } from '../../../src/cli/demo/temporary.js'
import { EXIT } from '../../../src/cli/exit-codes.js'

const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) await stopListening(server)
})

async function serving(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  return listenOnLoopback(server)
}

describe('the client of the command line', () => {
  test('a redirect is not followed: the token would go to somewhere that nobody named', async () => {
    const seen: (string | undefined)[] = []
    const elsewhere = await serving((request, response) => {
      seen.push(request.headers.authorization)
      response.end('{}')
    })
    const url = await serving((_, response) => response.writeHead(307, { location: `${elsewhere}/grants` }).end())
    const sent = createApi(url).send({ method: 'GET', path: '/grants', bearer: 'token' })
    await expect(sent).rejects.toMatchObject({ exitCode: EXIT.unavailable })
    expect(seen).toEqual([])
  })

  test('a broker that never answers is given up', async () => {
    const url = await serving(() => undefined)
    await expect(createApi(url, 50).send({ method: 'GET', path: '/' })).rejects.toMatchObject({
      exitCode: EXIT.unavailable,
      message: `cannot reach ${url}: no answer in time`,
    })
  })

  test('an answer without end is cut off', async () => {
    const url = await serving((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const filler = Buffer.alloc(64 * 1024, ' ')
      const fill = (): void => {
        while (!response.destroyed && response.write(filler));
        if (!response.destroyed) response.once('drain', fill)
      }
      fill()
    })
    await expect(createApi(url).send({ method: 'GET', path: '/' })).rejects.toMatchObject({ exitCode: EXIT.fault })
  })

  test('somebody else’s web page is not an answer', async () => {
    const url = await serving((_, response) => response.end('<html>'))
    const sent = createApi(url).send({ method: 'GET', path: '/' })
    await expect(sent).rejects.toMatchObject({ remedy: expect.stringContaining('--url') })
  })

  test('absent parameters are left out, and the query is encoded', async () => {
    const seen: string[] = []
    const url = await serving((request, response) => {
      seen.push(request.url ?? '')
      response.writeHead(200, { 'retry-after': '7' }).end('{"a":1}')
    })
    const query = { person: 'corp:a&b', task_id: undefined }
    const answer = await createApi(`${url}/tenant`).send({ method: 'GET', path: '/evidence/events', query })
    expect(answer).toEqual({ status: 200, body: { a: 1 }, retryAfter: 7 })
    expect(seen).toEqual(['/tenant/evidence/events?person=corp%3Aa%26b'])
  })
})
