// @ts-check
// From the text of a request to a PEM chain (EC P-256, all extensions, provenance of a GitHub job) against what node:crypto
// alone needs for it: importing the key, verifying the request's signature, signing. Everything takes turns in one process, a
// tenth of a second each, so whatever else the machine does meets all alike. docs/performance.md says what the figures mean.
//
//   npm run bench:certificate -- [--rounds N] [--json]
import { createPublicKey, generateKeyPairSync, sign, verify, X509Certificate } from 'node:crypto'
import { parseArgs } from 'node:util'
import { issueCertificate } from '../../dist/issuance/certificate.js'
import { provenanceOf } from '../../dist/issuance/provenance.js'
import { randomIds } from '../../dist/runtime/ids.js'
import { parseCsr } from '../../dist/x509/csr.js'
import { bitStringOf, readDer } from '../../dist/x509/read-der.js'
import { makeCorpus, requestFor } from '../fuzz/parts/corpus.mjs'
import { median } from './parts/statistics.mjs'

const GOAL = 0.7
const KEYS = 300
/** Of one turn. */
const TURN = 200
const WARM_UP_ROUNDS = 10
const COORDINATE_BYTES = 32

const now = Math.floor(Date.now() / 1000)
const { authority } = makeCorpus(now)
const requests = Array.from({ length: KEYS }, () => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const der = requestFor(key)
  const [info, , signature] = readDer(der)?.children ?? []
  const spki = info?.children[2]?.bytes
  const signatureBytes = bitStringOf(signature)?.bytes
  if (!info || !spki || !signatureBytes) throw new Error('the request is not sound')
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    x: spki.toString('base64url', spki.length - 2 * COORDINATE_BYTES, spki.length - COORDINATE_BYTES),
    y: spki.toString('base64url', spki.length - COORDINATE_BYTES),
  }
  const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE REQUEST-----\n`
  return { pem, info: Buffer.from(info.bytes), spki: Buffer.from(spki), signature: Buffer.from(signatureBytes), jwk }
})

const claims = {
  job_workflow_ref: 'acme/workflows/.github/workflows/deploy.yml@refs/heads/main',
  job_workflow_sha: '0123456789abcdef0123456789abcdef01234567',
  runner_environment: 'github-hosted',
  repository: 'acme/shop',
  sha: '89abcdef0123456789abcdef0123456789abcdef',
  ref: 'refs/heads/main',
  repository_id: '74',
  repository_owner: 'acme',
  repository_owner_id: '42',
  workflow_ref: 'acme/shop/.github/workflows/release.yml@refs/heads/main',
  workflow_sha: '89abcdef0123456789abcdef0123456789abcdef',
  event_name: 'push',
  run_id: '9912',
  run_attempt: '1',
  repository_visibility: 'private',
  environment: 'production',
}
const workload = { preset: 'github-actions', issuer: 'https://token.actions.githubusercontent.com', claims }
/** As much as the part of a certificate that is signed. */
const tbs = Buffer.alloc(1200, 'c')

let turn = 0
const next = () => {
  const request = requests[turn++ % KEYS]
  if (!request) throw new Error('no request')
  return request
}

/** @param {(request: ReturnType<typeof next>) => import('node:crypto').KeyObject} imported */
const raw = (imported) => () => {
  const request = next()
  if (!verify('sha256', request.info, imported(request), request.signature)) throw new Error('not verified')
  sign('sha256', tbs, authority.privateKey)
}

function certify() {
  const parsed = parseCsr(next().pem)
  if (!parsed.ok) throw new Error(parsed.refusal.detail)
  return issueCertificate({
    id: randomIds.credentialId(7),
    request: parsed.value,
    spiffeId: 'spiffe://errand.example.com/github/74/production',
    notBefore: now,
    notAfter: now + 600,
    authority,
    provenance: provenanceOf(workload, {
      grantId: 'gr_4a000102030405060708090a0b0c0d0e0f',
      taskId: 'tk_4a000102030405060708090a0b0c0d0e0f',
    }),
  })
}

const leaf = new X509Certificate(certify()).raw
const ROWS = {
  'raw, the key as SPKI': raw(({ spki }) => createPublicKey({ key: spki, format: 'der', type: 'spki' })),
  'raw, the key as JWK': raw(({ jwk }) => createPublicKey({ key: jwk, format: 'jwk' })),
  'request to PEM': certify,
  'reading it back alone': () => new X509Certificate(leaf).publicKey,
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '40' }, json: { type: 'boolean', default: false } },
})

/** @type {Map<string, { cpu: number, wall: number }[]>} */
const measured = new Map(Object.keys(ROWS).map((name) => [name, []]))
for (let round = -WARM_UP_ROUNDS; round < Number(values.rounds); round++) {
  for (const [name, act] of Object.entries(ROWS)) {
    const before = process.cpuUsage()
    const start = performance.now()
    for (let at = 0; at < TURN; at++) act()
    const wall = ((performance.now() - start) * 1000) / TURN
    const { user, system } = process.cpuUsage(before)
    if (round >= 0) measured.get(name)?.push({ cpu: (user + system) / TURN, wall })
  }
}

const [bySpki, byJwk, whole, check] = [...measured.values()]
/** @param {{ cpu: number }[] | undefined} limit */
const ratioTo = (limit = []) => median(limit.map(({ cpu }, round) => cpu / (whole?.[round]?.cpu ?? Number.NaN)))
const withoutCheck = median(
  (bySpki ?? []).map(
    ({ cpu }, round) => cpu / ((whole?.[round]?.cpu ?? Number.NaN) - (check?.[round]?.cpu ?? Number.NaN)),
  ),
)
const report = {
  node: process.version,
  rows: [...measured].map(([name, turns]) => ({
    name,
    cpu: median(turns.map(({ cpu }) => cpu)),
    perSecond: 1e6 / median(turns.map(({ wall }) => wall)),
  })),
  ratio: ratioTo(bySpki),
  ratioToJwk: ratioTo(byJwk),
  ratioWithoutReadingBack: withoutCheck,
  goal: GOAL,
}
if (values.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
else {
  for (const { name, cpu, perSecond } of report.rows)
    process.stdout.write(
      `${name.padEnd(24)} ${cpu.toFixed(0).padStart(5)} µs of CPU ${perSecond.toFixed(0).padStart(6)} per s\n`,
    )
  const verdict = report.ratio >= GOAL ? 'met' : 'missed'
  process.stdout.write(
    `request to PEM: ${report.ratio.toFixed(2)} of raw with SPKI (goal ${String(GOAL)}: ${verdict}), ${report.ratioToJwk.toFixed(2)} of raw with JWK; without reading it back ${withoutCheck.toFixed(2)}\n`,
  )
}
