// @ts-check
// What revocation of certificates costs: publishing a CRL after one more end among ten and among 100,000 that are on it already,
// and getting the one that is there. docs/performance.md says what the figures mean.
//
//   npm run bench:crl -- [--entries N] [--json]
import { generateKeyPairSync, sign } from 'node:crypto'
import { parseArgs } from 'node:util'
import { createCertificateEnds } from '../../dist/revocation/certificate-ends.js'
import { createCrls } from '../../dist/revocation/crl.js'
import { authorityName } from '../../dist/x509/ca-certificate.js'
import { randomIds } from '../../dist/runtime/ids.js'
import { align } from './parts/report.mjs'
import { median } from './parts/statistics.mjs'

const { values } = parseArgs({
  options: { entries: { type: 'string', default: '100000' }, json: { type: 'boolean', default: false } },
})
const ROUNDS = 31
/** Lists are not made back to back. */
const REST_MS = 30
const FEW = 10
const MANY = Number(values.entries)
const AUTHORITY = '0123456789abcdef'
const NOW = Math.floor(Date.now() / 1000)

/** The feed in memory: what is measured is ours, not the store's. */
function stage() {
  /** @type {any[]} */
  const ends = []
  const certificates = new Map()
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signer = {
    id: AUTHORITY,
    certificate: Buffer.alloc(0),
    subject: authorityName('bench.example.com', 'Errand issuing CA'),
    subjectKeyId: Buffer.alloc(20, 1),
    privateKey,
    notBefore: NOW,
    notAfter: NOW + 86_400,
  }
  let nowMs = NOW * 1000
  const clock = { now: () => Math.floor(nowMs / 1000), nowMs: () => nowMs }
  let acknowledged = 0
  const store = {
    /** @param {readonly number[]} positions @param {number} limit */
    endsAfter: (positions, limit) => Promise.resolve(ends.slice(positions[0], (positions[0] ?? 0) + limit)),
    /** @param {unknown} end */
    certificatesOf: (end) => Promise.resolve(certificates.get(end) ?? []),
    forgetEnds: () => Promise.resolve(),
  }
  const end = (/** @type {number} */ count) => {
    const at = { shard: 0, position: ends.length + 1, at: clock.now(), what: { task: 'tk_' } }
    const some = Array.from({ length: count }, (_, n) => ({
      id: randomIds.credentialId(n % 64),
      authority: AUTHORITY,
      expiresAt: clock.now() + 60 + (n % 3540),
      ancestors: [],
    }))
    ends.push(at)
    certificates.set(at, some)
    acknowledged += 1
  }
  const authorities = {
    signer: () => signer,
    roots: () => [],
    foreignCrl: () => undefined,
    certificates: () => [],
    version: () => 1,
  }
  const crls = createCrls({
    authorities,
    ends: createCertificateEnds({ store, clock }),
    acknowledged: () => acknowledged,
    clock,
  })
  return { crls, end, privateKey, turn: (/** @type {number} */ ms) => (nowMs += ms) }
}

/** @param {() => unknown} work */
async function timed(work) {
  const from = performance.now()
  await work()
  return performance.now() - from
}

/** @param {number} entries */
async function measure(entries) {
  const { crls, end, privateKey, turn } = stage()
  end(entries)
  const first = await timed(() => crls.of(AUTHORITY))
  /** @type {Record<'publishing' | 'following' | 'getting' | 'bare', number[]>} */
  const took = { publishing: [], following: [], getting: [], bare: [] }
  let bytes = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    turn(1)
    await new Promise((resolve) => setTimeout(resolve, REST_MS))
    end(1)
    took.following.push(await timed(() => crls.follow()))
    took.publishing.push(await timed(() => crls.of(AUTHORITY)))
    took.getting.push(
      (await timed(async () => {
        for (let n = 0; n < 1000; n += 1) await crls.of(AUTHORITY)
      })) / 1000,
    )
    const crl = await crls.of(AUTHORITY)
    if (typeof crl === 'string') throw new Error(crl)
    bytes = crl.der.length
    // What nobody gets around: digest and signature over as many bytes.
    took.bare.push(
      await timed(() => {
        sign('sha256', crl.der, privateKey)
      }),
    )
  }
  return {
    entries,
    bytes,
    first_ms: first,
    end_us: median(took.following) * 1000,
    publish_ms: median(took.publishing),
    signature_ms: median(took.bare),
    get_us: median(took.getting) * 1000,
  }
}

await measure(FEW)
const results = [await measure(FEW), await measure(MANY)]
if (values.json) process.stdout.write(`${JSON.stringify(results)}\n`)
else {
  const head = ['entries', 'bytes', 'all at once, ms', 'one more end, µs', 'publish, ms', 'sign alone, ms', 'GET, µs']
  const rows = results.map((row) =>
    [row.entries, row.bytes, row.first_ms, row.end_us, row.publish_ms, row.signature_ms, row.get_us].map((value) =>
      Number.isInteger(value) ? String(value) : value.toFixed(2),
    ),
  )
  process.stdout.write(`${align([head, ...rows])}\n`)
}
