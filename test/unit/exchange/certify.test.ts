import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createSecretKey, generateKeyPairSync, hash, randomBytes, X509Certificate } from 'node:crypto'
import { describeEvents } from '../../../src/evidence/describe-event.js'
import type { ExchangeDeps } from '../../../src/exchange/dependencies.js'
import { issue, type HandedOn, type Plan } from '../../../src/exchange/issue.js'
import { wantedOf } from '../../../src/exchange/wanted.js'
import { openFacts } from '../../../src/grants/certificate-facts.js'
import { parseCredentialDocument } from '../../../src/grants/documents.js'
import type { CertificateNames } from '../../../src/grants/grant.js'
import type { Issuance, Recorded } from '../../../src/grants/issuance-store.js'
import type { Authority } from '../../../src/issuance/authority.js'
import { textMac } from '../../../src/issuance/mac.js'
import { TOKEN_TYPE } from '../../../src/oauth/urns.js'
import { Fault } from '../../../src/runtime/fault.js'
import { randomIds, type CredentialId } from '../../../src/runtime/ids.js'
import { KEY_KINDS, makeAuthority, makeCsr, openWorkbench, type Workbench } from '../../support/openssl.js'
import { access, active, aRecord, asked, aWorkload, BROKER, joined, SHARD } from '../grants/fixtures.js'

let bench: Workbench
let authority: Authority
let csr: string
let now: number
const credentialMac = textMac(createSecretKey(randomBytes(32)))

beforeAll(() => {
  bench = openWorkbench()
  authority = makeAuthority(bench, KEY_KINDS['P-256'])
  now = authority.notBefore + 100
  const names = 'subjectAltName=DNS:asked.example.com,URI:spiffe://errand.test/root'
  csr = makeCsr(bench, 'one', KEY_KINDS['P-256'], '-addext', names)
})

afterAll(() => {
  bench.close()
})

interface Exchange {
  readonly deps: ExchangeDeps
  readonly recorded: Issuance[]
  readonly unsent: CredentialId[]
  readonly order: string[]
}

function exchangeWith(by: () => Authority, answer: Recorded = 'recorded'): Exchange {
  const made = { recorded: [] as Issuance[], unsent: [] as CredentialId[], order: [] as string[] }
  const deps = {
    issuer: BROKER,
    limits: { lease: 900 },
    ids: randomIds,
    describe: describeEvents({ ids: randomIds, policyDigest: 'p' }),
    delivery: { unsent: (id: CredentialId) => void made.unsent.push(id) },
    stores: {
      issuance: {
        record: (issuance: Issuance) => {
          made.order.push('record')
          made.recorded.push(issuance)
          return Promise.resolve(answer)
        },
      },
    },
    credentialMac,
    authority: () => {
      made.order.push('authority')
      return by()
    },
  } as unknown as ExchangeDeps
  return { deps, ...made }
}

const usual = (answer?: Recorded): Exchange => exchangeWith(() => authority, answer)

function plan(names?: CertificateNames, more: Partial<Plan> = {}): Plan {
  const credential = { types: ['jwt', 'x509'], max_ttl_seconds: 3600, binding: 'none' } as const
  const grant = active({ credential: { ...credential, ...(names && { names }) } }, { expiresAt: now + 3600 })
  const wanted = wantedOf({ requestedTokenType: 'x509', csr })
  if (!wanted.ok) throw new Error(wanted.refusal.reason)
  return {
    where: { shard: SHARD, anchor: 'a', run: 'r', errand: 'e' },
    workload: aWorkload(),
    asked: asked(access('deploy:production'), { tier: joined({ maxTtl: 600 }) }),
    access: access('deploy:production'),
    grant: { use: { grant, record: aRecord(grant) } },
    task: { open: { name: '', runVersion: 1, endsRun: true } },
    claims: [],
    lifetime: undefined,
    wanted: wanted.value,
    boundTo: undefined,
    now,
    ...more,
  }
}

async function issued({ deps }: Exchange, of: Plan) {
  const result = await issue(deps, of)
  if (!('recorded' in result)) throw new Error(result.refused)
  return { answer: result.recorded, leaf: new X509Certificate(result.recorded.token) }
}

describe('contract §2: the names in a certificate', () => {
  test('whatever the CSR asks for, without names of the grant there is the SPIFFE id alone', async () => {
    const { leaf } = await issued(usual(), plan())
    expect(leaf.subjectAltName).toBe('URI:spiffe://errand.test/ci/74')
    expect(leaf.subject as string | undefined).toBeUndefined()
  })

  test('with names of the grant there are exactly these', async () => {
    const { leaf } = await issued(usual(), plan({ common_name: 'deploy', dns: ['a.example.com', 'b.example.com'] }))
    expect(leaf.subjectAltName).toBe('URI:spiffe://errand.test/ci/74, DNS:a.example.com, DNS:b.example.com')
    expect(leaf.subject).toBe('CN=deploy')
  })

  test('what was handed on is in the name of whom people approved', async () => {
    const handedOn: HandedOn = {
      sub: 'spiffe://errand.test/ci/74',
      parentId: randomIds.credentialId(SHARD),
      ancestors: [],
      parentExpiresAt: now + 60,
      act: { sub: 'spiffe://errand.test/agents/one', act: { sub: 'spiffe://errand.test/ci/74' } },
      ticket: { key: 'k', binding: '', until: now + 60 },
      holder: 'spiffe://errand.test/ci/74',
      maxChildren: 1,
    }
    const workload = aWorkload({ spiffeId: 'spiffe://errand.test/agents/one' })
    const exchange = usual()
    const { leaf, answer } = await issued(exchange, plan(undefined, { workload, handedOn }))
    expect(leaf.subjectAltName).toBe('URI:spiffe://errand.test/ci/74')
    expect(answer.expiresIn).toBe(60)
    const record = exchange.recorded[0]!.credential
    expect(openFacts(parseCredentialDocument(record.document).certificate, record, credentialMac)).toEqual({
      sub: 'spiffe://errand.test/ci/74',
      clientId: 'spiffe://errand.test/agents/one',
      act: handedOn.act,
      access: access('deploy:production'),
      key: hash('sha256', leaf.publicKey.export({ format: 'der', type: 'spki' }), 'base64url'),
    })
  })
})

describe('invariant 9: recorded as intended, then signed', () => {
  test('the record says by which authority, and the evidence for which key; the serial number is its id', async () => {
    const exchange = usual()
    const { answer, leaf } = await issued(exchange, plan({ dns: ['a.example.com'] }))
    const [recorded] = exchange.recorded
    expect(recorded?.credential.certificate).toEqual({ authority: authority.id })
    expect(leaf.serialNumber).toBe(answer.credentialId.slice('cr_'.length).toUpperCase())
    const event = recorded?.events.at(-1)
    const spki = leaf.publicKey.export({ format: 'der', type: 'spki' })
    expect(`${event?.before ?? ''}0${event?.after ?? ''}`).toContain(
      `"public_key":"sha256:${hash('sha256', spki, 'hex')}"`,
    )
    expect(event?.before).toContain(`"authority":"${authority.id}"`)
    expect(event?.before).toContain('"names":{"dns":["a.example.com"]}')
    expect(event?.after).toContain('"type":"credential.issued"')
    expect(answer).toMatchObject({ issuedTokenType: TOKEN_TYPE.x509Certificate, tokenType: 'N_A' })
  })

  test('a JWT asks for no authority', async () => {
    const exchange = usual()
    const jwt = plan(undefined, { wanted: { type: 'jwt', urn: TOKEN_TYPE.jwt } })
    const tokens = { signAccessToken: () => 'a.b.c' } as unknown as ExchangeDeps['tokens']
    const result = await issue({ ...exchange.deps, tokens }, jwt)
    expect(result).toMatchObject({ recorded: { issuedTokenType: TOKEN_TYPE.jwt, tokenType: 'Bearer' } })
    expect(exchange.order).toEqual(['record'])
    expect(exchange.recorded[0]?.credential).not.toHaveProperty('certificate')
    expect(parseCredentialDocument(exchange.recorded[0]!.credential.document)).not.toHaveProperty('certificate')
  })

  test('without an authority nothing is recorded', async () => {
    const none = new Fault('key_unavailable', 'none')
    const exchange = exchangeWith(() => {
      throw none
    })
    await expect(issue(exchange.deps, plan())).rejects.toBe(none)
    expect(exchange.order).toEqual(['authority'])
  })

  test('what cannot be signed, or is not what was to be signed, is voided and never leaves', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const exchange = exchangeWith(() => ({ ...authority, privateKey }))
    await expect(issue(exchange.deps, plan())).rejects.toMatchObject({ code: 'key_unavailable' })
    expect(exchange.unsent).toEqual([exchange.recorded[0]?.credential.id])
  })

  test.each<Recorded>(['conflict', 'claim_taken', 'run_ended', 'task_ended'])(
    'the store says %s: nothing is signed',
    async (answer) => {
      expect(await issue(usual(answer).deps, plan())).toEqual({ refused: answer })
    },
  )
})

describe('contract §2, Lifetime: never later than the authority that signs', () => {
  test('the certificate and its record end with it', async () => {
    const exchange = exchangeWith(() => ({ ...authority, notAfter: now + 42 }))
    const { leaf, answer } = await issued(exchange, plan())
    expect(Date.parse(leaf.validTo) / 1000).toBe(now + 42)
    expect(exchange.recorded[0]?.credential.expiresAt).toBe(now + 42)
    expect(answer.expiresIn).toBe(42)
  })

  test('of an authority that is over nothing is recorded', async () => {
    const exchange = exchangeWith(() => ({ ...authority, notAfter: now }))
    expect(await issue(exchange.deps, plan())).toEqual({ refused: 'no_time_left' })
    expect(exchange.order).toEqual(['authority'])
  })

  test('it begins half a minute earlier, for clocks that are behind, and never before its authority', async () => {
    const from = (leaf: X509Certificate) => Date.parse(leaf.validFrom) / 1000
    expect(from((await issued(usual(), plan())).leaf)).toBe(now - 30)
    const young = exchangeWith(() => ({ ...authority, notBefore: now - 5 }))
    expect(from((await issued(young, plan())).leaf)).toBe(now - 5)
  })
})
