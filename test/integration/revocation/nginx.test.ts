import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { startBroker, type TestBroker } from '../../support/broker.js'
import { certifying, complete, relyingParty, type RelyingParty, type Said } from '../../support/certified.js'
import { startNginx, type Nginx } from '../../support/nginx.js'

let broker: TestBroker
let party: RelyingParty
let running: Nginx | undefined

beforeAll(async () => {
  broker = await startBroker({ config: (base) => ({ ...certifying(base), pki: { url: base.issuer } }) })
  party = relyingParty()
  await party.fetch(broker)
})
afterEach(async () => {
  await running?.stop()
  running = undefined
})
afterAll(async () => {
  party.remove()
  await broker.stop()
})

const trust = (): readonly string[] => [
  `ssl_client_certificate ${party.file('root.pem')}`,
  'ssl_verify_client on',
  'ssl_verify_depth 3',
]

const start = async (lines: readonly string[]): Promise<Nginx> => {
  running = await startNginx(party.folder, lines)
  return running
}

const visit = (server: Nginx, name: string): Promise<Said> =>
  party.run('curl', '-sS', '--cacert', 'server.pem', '--cert', `${name}.chain.pem`, '--key', `${name}.key`, server.url)

test('nginx with ssl_verify_client and ssl_crl lets a live certificate pass, and refuses it after its task completes', async () => {
  const [first, other] = [await party.certify(broker, 'first'), await party.certify(broker, 'other')]
  const nginx = await start([...trust(), `ssl_crl ${party.file('crls.pem')}`])
  expect(await visit(nginx, 'first')).toEqual({ ok: true, said: 'SUCCESS\n' })

  await complete(broker, first)
  await party.fetch(broker)
  await nginx.reload()
  const refused = await visit(nginx, 'first')
  expect(refused.said).toContain('400 Bad Request')
  expect(refused.said).toContain('The SSL certificate error')
  expect(await visit(nginx, 'other')).toEqual({ ok: true, said: 'SUCCESS\n' })
  await complete(broker, other)
})

test('nginx with ssl_ocsp asks by GET, where the certificate says, and refuses once the task completes', async () => {
  const certified = await party.certify(broker, 'asked')
  const nginx = await start([...trust(), 'ssl_ocsp leaf', 'resolver 127.0.0.1'])
  expect(await visit(nginx, 'asked')).toEqual({ ok: true, said: 'SUCCESS\n' })
  await complete(broker, certified)
  expect((await visit(nginx, 'asked')).said).toContain('The SSL certificate error')
})
