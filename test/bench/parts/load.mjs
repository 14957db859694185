// @ts-check
// The load generator, a process of its own. All assertions are signed and all requests made before the clock starts;
// then each connection sends its own, one after the other, until the time is up.
import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { buildCsr } from '../../../dist/x509/build-csr.js'
import { fromPem } from '../../../dist/x509/pem.js'
import { assertionClaims, exchangeForm, REPOSITORIES } from '../../harness/kit/configuration.mjs'
import { bodyOf, connect, requestBytes } from '../../harness/kit/http-connection.mjs'
import { signerOf } from '../../harness/kit/issuer.mjs'

/**
 * @typedef {object} Slot
 * @property {'fresh' | 'renew' | 'certify' | 'peer'} kind `fresh`: each exchange is of a run of its own. `renew`: each
 *   connection is one run, which asks again and again. `certify`: as `fresh`, for a certificate
 * @property {string} url of the broker or the peer
 * @property {number} connections
 * @property {number} ms
 * @property {number} atMost requests
 */

/**
 * @typedef {object} Measured
 * @property {number} count answers
 * @property {number} seconds
 * @property {number} p50 milliseconds
 * @property {number} p99
 * @property {number} verified how many answers were checked with jose
 * @property {readonly string[]} faults what was wrong
 * @property {number} cpu of the load generator, microseconds
 */

const ONE_IN = 100
/** Several keys, so that nobody gains by remembering one. */
const CSRS = Array.from({ length: 50 }, () => buildCsr(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey))
const MOST_FAULTS = 5

/** @type {import('../../harness/kit/issuer.mjs').Signer & { issuer: string }} */
const signer = JSON.parse(process.argv[2] ?? '{}')
const sign = signerOf(signer)
const serial = () => randomBytes(12).toString('base64url')

/** @type {Readonly<Record<Slot['kind'], (url: string, index: number, connection: number, slot: string) => Buffer>>} */
const requestOf = {
  fresh: (url, index, _connection, slot) => errandRequest(url, index, `${slot}-${String(index)}`),
  certify: (url, index, _connection, slot) =>
    errandRequest(url, index, `${slot}-${String(index)}`, {
      requested_token_type: 'urn:errand:token-type:x509-certificate',
      csr: CSRS[index % CSRS.length] ?? '',
    }),
  renew: (url, _index, connection, slot) => errandRequest(url, connection, `${slot}-${String(connection)}`),
  peer: (url) => {
    const now = Math.floor(Date.now() / 1000)
    const claims = { iss: 'shop', sub: 'shop', aud: url, iat: now, exp: now + 600, jti: serial() }
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: sign(claims),
      scope: 'deploy:staging',
    })
    return requestBytes('POST', `${url}/token`, form.toString())
  },
}

/**
 * @param {string} url
 * @param {number} index
 * @param {string} run
 * @param {Readonly<Record<string, string>>} [more] parameters
 */
function errandRequest(url, index, run, more = {}) {
  const repository = REPOSITORIES[index % REPOSITORIES.length] ?? ''
  const claims = { iss: signer.issuer, jti: serial(), ...assertionClaims(url, { repository, run }) }
  const form = new URLSearchParams({ ...Object.fromEntries(new URLSearchParams(exchangeForm(sign(claims)))), ...more })
  return requestBytes('POST', `${url}/token`, form.toString())
}

/** @param {Slot} slot */
function prepare({ kind, url, connections, atMost }) {
  const name = serial()
  return Array.from({ length: connections }, (_, connection) =>
    Array.from({ length: Math.ceil(atMost / connections) }, (__, at) =>
      requestOf[kind](url, at * connections + connection, connection, name),
    ),
  )
}

/**
 * @param {Slot} slot
 * @param {readonly (readonly Buffer[])[]} requests by connection
 * @returns {Promise<Measured>}
 */
async function run({ url, ms }, requests) {
  const connections = await Promise.all(requests.map(() => connect(url)))
  /** @type {number[]} */
  const latencies = []
  /** @type {string[]} */
  const tokens = []
  /** @type {string[]} */
  const faults = []
  const cpu = process.cpuUsage()
  const start = performance.now()
  const deadline = start + ms
  let isOver = false
  let last = start
  const drive = async (/** @type {number} */ which) => {
    const connection = connections[which]
    for (const request of requests[which] ?? []) {
      if (isOver || connection === undefined) return
      const sent = performance.now()
      const answer = await connection.send(request)
      last = performance.now()
      latencies.push(last - sent)
      if (answer.status !== 200) faults.push(`${String(answer.status)} ${answer.bytes.toString('utf8', answer.bodyAt)}`)
      else if (latencies.length % ONE_IN === 0) tokens.push(String(bodyOf(answer)['access_token']))
      if (last >= deadline) isOver = true
    }
    // One connection without requests ends the slot for all: no answer is measured under less load than it says.
    isOver = true
  }
  await Promise.all(requests.map((_, which) => drive(which)))
  const { user, system } = process.cpuUsage(cpu)
  for (const connection of connections) connection.close()
  faults.push(...(await verifyAll(url, tokens)))
  const sorted = Float64Array.from(latencies).sort()
  return {
    count: latencies.length,
    seconds: (last - start) / 1000,
    p50: sorted[Math.floor(sorted.length * 0.5)] ?? 0,
    p99: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
    verified: tokens.length,
    faults: faults.slice(0, MOST_FAULTS),
    cpu: user + system,
  }
}

/** @type {Map<string, ReturnType<typeof createRemoteJWKSet>>} */
const keySets = new Map()

const isCertificate = (/** @type {string} */ token) => token.startsWith('-----BEGIN')

/** @param {string} url */
async function authoritiesOf(url) {
  const response = await fetch(`${url}/ca`)
  return (fromPem('CERTIFICATE', await response.text()) ?? []).map((der) => new X509Certificate(der))
}

/**
 * @param {string} url
 * @param {readonly string[]} tokens
 * @returns {Promise<string[]>} what is wrong with them
 */
async function verifyAll(url, tokens) {
  const keys = keySets.get(url) ?? createRemoteJWKSet(new URL(`${url}/jwks`))
  keySets.set(url, keys)
  const authorities = tokens.some(isCertificate) ? await authoritiesOf(url) : []
  const faults = []
  for (const token of tokens) {
    try {
      if (isCertificate(token)) {
        const leaf = new X509Certificate(token)
        if (!authorities.some((issuer) => leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey)))
          faults.push('a certificate of another authority')
        continue
      }
      await jwtVerify(token, keys, { issuer: url, audience: 'https://deploy.example.com', typ: 'at+jwt' })
    } catch (error) {
      faults.push(`not verified: ${String(error)}`)
    }
  }
  return faults
}

/** @type {{ slot: Slot, requests: Buffer[][] } | undefined} */
let prepared
process.on('message', (/** @type {Slot | 'go'} */ message) => {
  if (message !== 'go') {
    prepared = { slot: message, requests: prepare(message) }
    process.send?.('prepared')
    return
  }
  if (prepared === undefined) throw new Error('nothing is prepared')
  const { slot, requests } = prepared
  prepared = undefined
  run(slot, requests).then(
    (measured) => process.send?.(measured),
    (error) => {
      process.stderr.write(`${error instanceof Error ? String(error.stack) : String(error)}\n`)
      process.exit(1)
    },
  )
})
process.send?.('ready')
