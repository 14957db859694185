import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Certificates by openssl, in a folder of their own: as somebody else's PKI makes them. */
export interface OpensslPki {
  readonly folder: string
  file(name: string): string
  read(name: string): Buffer
  /** Of a PEM file, the first certificate in DER. */
  der(name: string): Buffer
  /** `<name>.key` and a self-signed `<name>.pem`; a CA unless said. */
  selfSigned(name: string, subjectAltName?: string): void
  /** `<name>.key`, `<name>.pem`, and `<name>.chain.pem` with the issuer's certificate behind it. */
  issued(name: string, by: string, extensions?: readonly string[]): void
  remove(): void
}

export function opensslPki(): OpensslPki {
  const folder = mkdtempSync(join(tmpdir(), 'errand-pki-'))
  const file = (name: string): string => join(folder, name)
  const openssl = (...args: readonly string[]): Buffer =>
    execFileSync('openssl', [...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  return {
    folder,
    file,
    read: (name) => readFileSync(file(name)),
    der: (name) => openssl('x509', '-in', name, '-outform', 'DER'),
    selfSigned(name, subjectAltName) {
      const names = subjectAltName === undefined ? [] : ['-addext', `subjectAltName=${subjectAltName}`]
      openssl(
        'req',
        '-x509',
        ...newKey,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.pem`,
        '-subj',
        `/CN=${name}`,
        ...names,
      )
    },
    issued(name, by, extensions = []) {
      openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
      writeFileSync(file(`${name}.ext`), ['basicConstraints=critical,CA:FALSE', ...extensions].join('\n'))
      const issuer = ['-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial', '-extfile', `${name}.ext`]
      openssl('x509', '-req', '-in', `${name}.csr`, ...issuer, '-days', '2', '-out', `${name}.pem`)
      writeFileSync(
        file(`${name}.chain.pem`),
        Buffer.concat([readFileSync(file(`${name}.pem`)), readFileSync(file(`${by}.pem`))]),
      )
    },
    remove() {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
