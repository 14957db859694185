import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { demoConfig } from '../../../src/cli/demo/config.js'
import { EXIT } from '../../../src/cli/exit-codes.js'
import { run } from '../../../src/cli/program.js'
import { relyingParty, type RelyingParty } from '../../support/certified.js'
import { testIo } from '../../support/cli.js'
import { turnableClock, type TurnableClock } from '../../support/clock.js'

/** `errand ca` on the store, without a broker, and the root of a company beside it. */
let company: RelyingParty
let config: string
let clock: TurnableClock

beforeEach(async () => {
  company = relyingParty()
  // What openssl signs meanwhile is valid.
  clock = turnableClock(Math.floor(Date.now() / 1000) + 60)
  config = join(company.folder, 'errand.yaml')
  const url = 'http://127.0.0.1:1'
  const facts = {
    url,
    port: 1,
    ciUrl: 'https://ci.example.com',
    resourceServerSecret: 'secret',
    directory: company.folder,
  }
  writeFileSync(config, demoConfig(facts), { mode: 0o600 })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'root.key']
  const usage = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign']
  await company.run(
    'openssl',
    'req',
    '-x509',
    ...newKey,
    '-subj',
    '/CN=Company root',
    '-days',
    '300',
    '-out',
    'root.pem',
    ...usage,
  )
})
afterEach(() => {
  company.remove()
})

async function errand(...args: readonly string[]) {
  const io = testIo({ clock })
  const code = await run([...args, '--config', config], io)
  return { code, ...io.said }
}
const errandJson = async (...args: readonly string[]) => {
  const { code, stdout, stderr } = await errand(...args, '--json')
  return { code, body: JSON.parse(code === EXIT.ok ? stdout : stderr) as Record<string, never> }
}

async function certify(csr: string): Promise<string> {
  writeFileSync(company.file('errand.csr'), csr)
  const extensions = [
    'basicConstraints=critical,CA:TRUE,pathlen:0',
    'keyUsage=critical,keyCertSign,cRLSign',
    'subjectKeyIdentifier=hash',
  ]
  writeFileSync(company.file('errand.ext'), extensions.join('\n'))
  const signer = ['-CA', 'root.pem', '-CAkey', 'root.key', '-CAcreateserial', '-extfile', 'errand.ext', '-days', '200']
  const signed = await company.run('openssl', 'x509', '-req', '-in', 'errand.csr', ...signer, '-out', 'errand.pem')
  expect(signed.ok).toBe(true)
  await company.run('sh', '-c', 'cat errand.pem root.pem > chain.pem')
  return company.file('chain.pem')
}

describe('errand ca', () => {
  test('from a request to an authority below the root of a company', async () => {
    expect((await errand('ca', 'list')).stdout).toMatch(/current +O=.*issuing CA.*\n.* next .*\n.* root /)
    clock.advance(60)
    const { stdout: csr, stderr } = await errand('ca', 'csr')
    expect(csr).toMatch(/^-----BEGIN CERTIFICATE REQUEST-----\n/)
    expect(stderr).toContain('errand ca import')
    const shown = await company.run('sh', '-c', `echo '${csr}' | openssl req -noout -text -verify`)
    expect(shown.said).toMatch(/CA:TRUE, pathlen:0/)

    const imported = await errand('ca', 'import', await certify(csr))
    expect(imported).toMatchObject({ code: EXIT.ok, stdout: expect.stringMatching(/^published: +[0-9a-f]{16}\n$/) })
    const early = await errand('ca', 'rotate')
    expect(early).toMatchObject({ code: EXIT.refused, stderr: expect.stringContaining('add --at-once') })
    const rotated = await errand('ca', 'rotate', '--at-once')
    expect(rotated.stdout).toMatch(/signs now: +[0-9a-f]{16}\nretired: +[0-9a-f]{16}\n$/)

    const { body } = await errandJson('ca', 'list')
    const states = (body['authorities'] as unknown as { state: string; origin?: string }[]).map(({ state, origin }) => [
      state,
      origin,
    ])
    expect(states).toEqual([
      ['retired', 'self_made'],
      ['current', 'imported'],
      ['root', undefined],
      ['above', undefined],
    ])
    expect((await errand('ca', 'list')).stdout).toContain('no CRL: `errand ca import-crl`')
    const without = await errandJson('ca', 'rotate', '--at-once')
    expect(without).toMatchObject({ code: EXIT.refused, body: { error: { code: 'no_next_authority', exit_code: 1 } } })
  })

  test('the CRL of that root is taken, and a list of another authority is not', async () => {
    await errand('ca', 'import', await certify((await errand('ca', 'csr')).stdout))
    writeFileSync(company.file('index.txt'), '')
    writeFileSync(company.file('crlnumber'), '01')
    writeFileSync(
      company.file('ca.cnf'),
      '[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\n',
    )
    const made = await company.run(
      'openssl',
      'ca',
      '-gencrl',
      '-cert',
      'root.pem',
      '-keyfile',
      'root.key',
      '-config',
      'ca.cnf',
      '-crldays',
      '30',
      '-out',
      'root.crl',
    )
    expect(made.ok).toBe(true)
    expect((await errand('ca', 'import-crl', company.file('root.crl'))).stdout).toMatch(
      /^served at \/crl\/[0-9a-f]{16}\n$/,
    )
    expect((await errand('ca', 'list')).stdout).toContain('its CRL runs out')
    const refused = await errandJson('ca', 'import-crl', company.file('chain.pem'))
    expect(refused).toMatchObject({ code: EXIT.refused, body: { error: { code: 'crl_unacceptable' } } })
  })

  test('what cannot be used is refused with what to do; nothing changes', async () => {
    const before = (await errand('ca', 'list')).stdout
    const none = await errandJson('ca', 'import', company.file('root.pem'))
    expect(none).toMatchObject({
      code: EXIT.refused,
      body: { error: { code: 'no_request', remedy: 'make one: errand ca csr' } },
    })
    await errand('ca', 'csr')
    const other = await errandJson('ca', 'import', company.file('root.pem'))
    expect(other).toMatchObject({ code: EXIT.refused, body: { error: { code: 'chain_unacceptable' } } })
    expect(await errand('ca', 'import', company.file('nowhere.pem'))).toMatchObject({
      code: EXIT.usage,
      stderr: expect.stringContaining('cannot be read'),
    })
    expect((await errand('ca', 'list')).stdout).toBe(before)
  })

  test('a key that leaked below that root: its authority is taken back at once, and the root has to be told', async () => {
    await errand('ca', 'import', await certify((await errand('ca', 'csr')).stdout))
    await errand('ca', 'rotate', '--at-once')
    const taken = await errand('ca', 'rotate', '--leaked')
    expect(taken).toMatchObject({ code: EXIT.ok, stdout: expect.stringMatching(/^taken back: [0-9a-f]{16}\n$/) })
    expect(taken.stderr).toContain('have the root revoke it')
    expect(taken.stderr).toContain('no CA signs now')
    expect((await errand('ca', 'list')).stdout).toMatch(/current .*leaked: taken back \d{4}-/)
  })

  test('a key that leaked: its authority is taken back by the root', async () => {
    const { body } = await errandJson('ca', 'rotate', '--leaked')
    expect(body).toMatchObject({ retired: [expect.any(String)], revoked: [expect.any(String)] })
  })
})
