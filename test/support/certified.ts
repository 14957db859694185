import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes, X509Certificate } from 'node:crypto'
import { exchangeForm, type TestBroker, type TestConfig } from './broker.js'

/** A relying party's folder: keys and certificates of workloads, and what the broker says of its authorities. */
export interface RelyingParty {
  readonly folder: string
  file(name: string): string
  /** Exchanges an assertion of a run of its own for a certificate: `<name>.key`, `<name>.pem`, `<name>.chain.pem`. */
  certify(broker: TestBroker, name: string): Promise<Certified>
  /** Fetches what a relying party needs: `ca.pem`, `root.pem` (its trust), `issuing.pem` (the authority of the certificate), `crls.pem`. */
  fetch(broker: TestBroker): Promise<void>
  /** What a program says, and whether it was content. */
  run(program: string, ...args: readonly string[]): Promise<Said>
  /** `openssl verify` of `<name>.pem`, with a CRL for every authority of the path. */
  verify(name: string): Promise<Said>
  /** `openssl ocsp` about `<name>.pem`. */
  ocsp(broker: TestBroker, name: string, ...args: readonly string[]): Promise<Said>
  remove(): void
}

export interface Said {
  readonly ok: boolean
  readonly said: string
}

export interface Certified {
  readonly name: string
  readonly taskId: string
  readonly grantId: string
  readonly assertion: string
  /** 34 hex digits. */
  readonly serial: string
}

/** Certificates for what the test configuration has. */
export const certifying = ({ resources }: TestConfig): Readonly<Record<string, unknown>> => ({
  resources: resources.map((resource) => ({ ...resource, credentials: ['jwt', 'x509'] })),
})

/** Completes the task of the certificate, as its workload does. */
export async function complete(broker: TestBroker, { taskId, assertion }: Certified): Promise<void> {
  const answer = await broker.call('POST', `/tasks/${taskId}/complete`, assertion)
  if (answer.status !== 200) throw new Error(`not completed: ${JSON.stringify(answer.body)}`)
}

const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g

export function relyingParty(): RelyingParty {
  const folder = mkdtempSync(join(tmpdir(), 'errand-relying-'))
  const file = (name: string): string => join(folder, name)
  // Not in one go: the broker that is asked runs in this process.
  const run: RelyingParty['run'] = (program, ...args) =>
    new Promise((resolve) => {
      execFile(program, args, { cwd: folder, timeout: 60_000 }, (error, stdout, stderr) => {
        resolve({ ok: error === null, said: `${stdout}${stderr}` })
      })
    })
  return {
    folder,
    file,
    run,
    async certify(broker, name) {
      const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=me']
      await run('openssl', 'req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`)
      const run_id = randomBytes(8).toString('hex')
      const answer = await broker.post(
        '/token',
        exchangeForm(await broker.assertion({ run_id }), {
          requested_token_type: 'urn:errand:token-type:x509-certificate',
          csr: readFileSync(file(`${name}.csr`), 'utf8'),
        }),
      )
      if (answer.status !== 200) throw new Error(`no certificate: ${JSON.stringify(answer.body)}`)
      const { access_token, task_id, grant_id } = answer.body as Record<string, string>
      const blocks = access_token?.match(PEM_BLOCK) ?? []
      writeFileSync(file(`${name}.chain.pem`), blocks.join(''))
      writeFileSync(file(`${name}.pem`), blocks[0] ?? '')
      return {
        name,
        taskId: task_id ?? '',
        grantId: grant_id ?? '',
        assertion: await broker.assertion({ run_id }),
        serial: new X509Certificate(blocks[0] ?? '').serialNumber.toLowerCase(),
      }
    },
    async fetch(broker) {
      // Past the watch: a URL in a certificate, in base64, may look like a piece of an assertion of the same host.
      const text = async (path: string): Promise<string> => (await fetch(`${broker.url}${path}`)).text()
      const blocks = (await text('/ca')).match(PEM_BLOCK) ?? []
      writeFileSync(file('ca.pem'), blocks.join(''))
      const isRoot = (pem: string): boolean => {
        const certificate = new X509Certificate(pem)
        return certificate.checkIssued(certificate)
      }
      writeFileSync(file('root.pem'), blocks.filter(isRoot).join(''))
      writeFileSync(file('issuing.pem'), blocks[0] ?? '')
      writeFileSync(file('crls.pem'), await text('/crl'))
    },
    verify: (name) =>
      run(
        'openssl',
        'verify',
        '-x509_strict',
        '-crl_check_all',
        '-CRLfile',
        'crls.pem',
        '-CAfile',
        'root.pem',
        '-untrusted',
        `${name}.chain.pem`,
        `${name}.pem`,
      ),
    ocsp: (broker, name, ...args) =>
      run(
        'openssl',
        'ocsp',
        ...args,
        '-issuer',
        'issuing.pem',
        '-cert',
        `${name}.pem`,
        '-CAfile',
        'root.pem',
        '-verify_other',
        'issuing.pem',
        '-url',
        `${broker.url}/ocsp`,
      ),
    remove() {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
