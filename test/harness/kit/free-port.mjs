// @ts-check
// Ports for programs that must be told theirs before they listen. The system gives its own choice away, to `listen(0)`
// and to every outgoing connection, from 32,768 on: a port of those may be another's before its program listens. The
// ports below are given by nobody but us, and each worker of a test run has some for itself.
import { once } from 'node:events'
import { createServer } from 'node:net'

const FIRST = 12_000
const FOR_EACH = 1000
const SHARES = 10
/** A Redis of a cluster listens on one more, so far above its own. */
const CLUSTER_BUS = 10_000

// Workers of one run have neighbouring shares; runs beside one another begin elsewhere.
const share = (process.ppid + Number(process.env['JEST_WORKER_ID'] ?? process.pid)) % SHARES
let given = Math.floor(Math.random() * FOR_EACH)

/** @returns {Promise<number>} one that nobody listens on, and that no other call here gives */
export async function freePort() {
  for (let tries = 0; tries < FOR_EACH; tries += 1) {
    given = (given + 1) % FOR_EACH
    const port = FIRST + share * FOR_EACH + given
    if ((await isFree(port)) && (await isFree(port + CLUSTER_BUS))) return port
  }
  throw new Error('no free port')
}

/** @param {number} port */
async function isFree(port) {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
