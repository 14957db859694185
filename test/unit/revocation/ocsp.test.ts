import { beforeEach, describe, expect, test } from '@jest/globals'
import { hash, verify, createPublicKey } from 'node:crypto'
import type { CredentialStanding } from '../../../src/grants/issuance-store.js'
import type { ListSigner } from '../../../src/issuance/held-authority.js'
import { createOcsp, OCSP_LIFETIME, type AnswerOcsp } from '../../../src/revocation/ocsp.js'
import { Fault } from '../../../src/runtime/fault.js'
import { randomIds, type CredentialId } from '../../../src/runtime/ids.js'
import { bitStringOf, octetStringOf, readDer, timeOf, type DerNode } from '../../../src/x509/read-der.js'
import { encode, explicit, integer, nothing, octetString, oid, sequence } from '../../../src/x509/write-der.js'
import { OIDS } from '../../../src/x509/oids.js'
import { keyBitsOf, spkiOf } from '../../../src/x509/spki.js'
import { pkiStage, serialOf, type PkiStage } from './pki-stage.js'

let stage: PkiStage
let answer: AnswerOcsp
let standings: Map<CredentialId, { authority?: string; live: boolean; expiresAt?: number; task?: 'open' | 'completed' }>
let down: boolean

beforeEach(async () => {
  stage = await pkiStage()
  standings = new Map()
  down = false
  const look = (id: CredentialId): Promise<CredentialStanding | undefined> => {
    if (down) return Promise.reject(new Fault('store_unavailable', 'down'))
    const found = standings.get(id)
    if (found === undefined) return Promise.resolve(undefined)
    const { authority, live, expiresAt = stage.clock.now() + 600, task = 'open' } = found
    return Promise.resolve({
      live,
      credential: { id, expiresAt, ...(authority === undefined ? {} : { certificate: { authority } }) },
      task: { state: task },
    } as unknown as CredentialStanding)
  }
  answer = createOcsp({ authorities: stage.authorities, store: { look }, ends: stage.ends, clock: stage.clock })
})

const certIdFor = (signer: ListSigner, serial: string, digest: 'sha1' | 'sha256' = 'sha1') =>
  sequence(
    sequence(oid(OIDS[digest]), nothing()),
    octetString(hash(digest, signer.subject, 'buffer')),
    octetString(hash(digest, keyBitsOf(spkiOf(signer.privateKey)), 'buffer')),
    integer(Buffer.from(serial, 'hex')),
  )
const ask = (...certIds: readonly ReturnType<typeof certIdFor>[]): Buffer =>
  encode(sequence(sequence(sequence(...certIds.map((certId) => sequence(certId))))))

interface Read {
  readonly status: number
  readonly basic: DerNode | undefined
  readonly responses: readonly DerNode[]
}

function read(der: Buffer): Read {
  const [status, bytes] = readDer(der)?.children ?? []
  const basic = readDer(octetStringOf(bytes?.children[0]?.children[1]) ?? Buffer.alloc(0))
  return { status: status?.content[0] ?? -1, basic, responses: basic?.children[0]?.children[2]?.children ?? [] }
}

function statusOf(response: DerNode | undefined): string {
  const status = response?.children[1]
  if (status?.tagClass !== 'context') return 'nothing'
  if (status.tag === 1) return `revoked ${timeOf(status.children[0]) ?? ''}`
  return status.tag === 0 ? 'good' : 'unknown'
}

describe('the OCSP responder (RFC 6960)', () => {
  test.each(['sha1', 'sha256'] as const)(
    'answers good of a live certificate, its issuer named by %s',
    async (digest) => {
      const id = randomIds.credentialId(7)
      const authority = stage.authorities.current()
      standings.set(id, { authority: authority.id, live: true })
      const certId = certIdFor(authority, serialOf({ id }), digest)
      const { der, outcome } = await answer(ask(certId))
      expect(outcome).toBe('answered')
      const { status, basic, responses } = read(der)
      expect([status, responses.length, statusOf(responses[0])]).toEqual([0, 1, 'good'])
      expect(responses[0]?.children[0]?.bytes).toEqual(encode(certId))
      expect(timeOf(responses[0]?.children[2])).toBe(stage.clock.now())
      expect(timeOf(responses[0]?.children[3]?.children[0])).toBe(stage.clock.now() + OCSP_LIFETIME)
      const [data, , signature] = basic?.children ?? []
      const key = createPublicKey(authority.privateKey)
      expect(verify('sha256', data!.bytes, key, bitStringOf(signature)!.bytes)).toBe(true)
    },
  )

  test('answers revoked with the time of an end that nobody here has read yet; now, where it cannot be read', async () => {
    const certificate = stage.certificate()
    standings.set(certificate.id, { authority: certificate.authority, live: false, task: 'completed' })
    const request = ask(certIdFor(stage.authorities.current(), serialOf(certificate)))
    const status = async () => statusOf(read((await answer(request)).der).responses[0])
    const at = stage.clock.now()
    stage.end(certificate)
    stage.clock.advance(30)
    stage.store.down = true
    expect(await status()).toBe(`revoked ${at + 30}`)
    stage.store.down = false
    expect(await status()).toBe(`revoked ${at}`)
  })

  test('answers revoked of one that ended, with the time', async () => {
    const certificate = stage.certificate()
    standings.set(certificate.id, { authority: certificate.authority, live: false, task: 'completed' })
    const request = ask(certIdFor(stage.authorities.current(), serialOf(certificate)))
    expect(statusOf(read((await answer(request)).der).responses[0])).toBe(`revoked ${stage.clock.now()}`)
    const at = stage.clock.now()
    stage.end(certificate)
    await stage.crls.follow()
    stage.clock.advance(30)
    expect(statusOf(read((await answer(request)).der).responses[0])).toBe(`revoked ${at}`)
  })

  test.each<[string, Parameters<typeof standings.set>[1] | undefined]>([
    ['was never issued', undefined],
    ['is a JWT', { live: true }],
    ['another authority signed', { authority: '0'.repeat(16), live: true }],
    ['has expired', { authority: 'current', live: false, expiresAt: 1 }],
  ])('answers unknown of what %s', async (_title, standing) => {
    const id = randomIds.credentialId(7)
    const authority = stage.authorities.current()
    if (standing)
      standings.set(id, standing.authority === 'current' ? { ...standing, authority: authority.id } : standing)
    expect(statusOf(read((await answer(ask(certIdFor(authority, serialOf({ id }))))).der).responses[0])).toBe('unknown')
  })

  test('answers for the issuing authorities by their root', async () => {
    const [root] = stage.authorities.roots()
    const [issued] = root!.issued
    const request = ask(certIdFor(root!, issued!), certIdFor(root!, '4711'))
    expect(read((await answer(request)).der).responses.map(statusOf)).toEqual(['good', 'unknown'])
    await stage.authorities.rotate('dana', { atOnce: true, leaked: true })
    const [again] = stage.authorities.roots()
    const { der } = await answer(ask(certIdFor(again!, again!.revoked[0]!.serial)))
    expect(statusOf(read(der).responses[0])).toBe(`revoked ${stage.clock.now()}`)
  })

  test('answers of an authority that leaked that all of it is revoked, since the leak was told', async () => {
    const id = randomIds.credentialId(7)
    const authority = stage.authorities.current()
    standings.set(id, { authority: authority.id, live: true })
    const at = stage.clock.now()
    await stage.authorities.rotate('dana', { atOnce: true, leaked: true })
    stage.clock.advance(30)
    const request = ask(certIdFor(authority, serialOf({ id })), certIdFor(authority, '4711'))
    expect(read((await answer(request)).der).responses.map(statusOf)).toEqual([`revoked ${at}`, `revoked ${at}`])
  })

  test('one answer has one signature: of certificates of another authority it says nothing', async () => {
    const id = randomIds.credentialId(7)
    const authority = stage.authorities.current()
    standings.set(id, { authority: authority.id, live: true })
    const [root] = stage.authorities.roots()
    const request = ask(certIdFor(authority, serialOf({ id })), certIdFor(root!, root!.issued[0]!))
    expect(read((await answer(request)).der).responses.map(statusOf)).toEqual(['good', 'unknown'])
  })

  test('RFC 9654: the nonce of the request is in the answer', async () => {
    const certId = certIdFor(stage.authorities.current(), serialOf({ id: randomIds.credentialId(7) }))
    const nonce = encode(octetString(Buffer.alloc(32, 9)))
    const extensions = explicit(2, sequence(sequence(oid(OIDS.ocspNonce), octetString(nonce))))
    const { der } = await answer(encode(sequence(sequence(sequence(sequence(certId)), extensions))))
    const data = read(der).basic?.children[0]
    expect(data?.children.at(-1)?.bytes).toEqual(
      encode(explicit(1, sequence(sequence(oid(OIDS.ocspNonce), octetString(nonce))))),
    )
  })

  test.each([
    ['malformedRequest', 1, () => Buffer.from('nonsense')],
    [
      'unauthorized',
      6,
      () => ask(certIdFor({ ...stage.authorities.current(), subject: Buffer.from('3000', 'hex') }, '47')),
    ],
  ])('answers %s without a signature', async (outcome, status, request) => {
    const given = await answer(request())
    expect(given.outcome).toBe(outcome)
    expect(read(given.der)).toMatchObject({ status, responses: [] })
  })

  test('says tryLater while the store is away: never good of what it does not know', async () => {
    const id = randomIds.credentialId(7)
    standings.set(id, { authority: stage.authorities.current().id, live: true })
    down = true
    const given = await answer(ask(certIdFor(stage.authorities.current(), serialOf({ id }))))
    expect(given.outcome).toBe('tryLater')
    expect(read(given.der)).toMatchObject({ status: 3, responses: [] })
  })
})
