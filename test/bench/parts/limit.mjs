// @ts-check
// (a) What an exchange cannot do without: verify one ES256 signature and make one, with node:crypto, in one thread, on
// KeyObjects made once. A process of its own; each message asks for so many milliseconds of it.
import { generateKeyPairSync, sign, verify } from 'node:crypto'

/** @typedef {{ operations: number, seconds: number, cpu: number }} Limit `cpu`: microseconds of each operation */

const theirs = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ours = generateKeyPairSync('ec', { namedCurve: 'P-256' })
// As long as the assertions and the access tokens of the bench.
const assertion = Buffer.alloc(420, 'a')
const token = Buffer.alloc(760, 't')
const dsaEncoding = /** @type {const} */ ('ieee-p1363')
const signature = sign('sha256', assertion, { key: theirs.privateKey, dsaEncoding })

/**
 * @param {number} ms
 * @returns {Limit}
 */
function measure(ms) {
  const before = process.cpuUsage()
  const start = performance.now()
  let operations = 0
  while (performance.now() - start < ms) {
    for (let at = 0; at < 20; at++) {
      if (!verify('sha256', assertion, { key: theirs.publicKey, dsaEncoding }, signature))
        throw new Error('not verified')
      sign('sha256', token, { key: ours.privateKey, dsaEncoding })
    }
    operations += 20
  }
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(before)
  return { operations, seconds, cpu: (user + system) / operations }
}

process.on('message', (/** @type {{ ms: number }} */ { ms }) => process.send?.(measure(ms)))
process.send?.('ready')
