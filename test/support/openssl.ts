import { execFileSync, spawnSync } from 'node:child_process'
import { createPrivateKey, hash, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Authority, AuthorityUrls } from '../../src/issuance/authority.js'
import { octetStringOf, oidOf, readDer } from '../../src/x509/read-der.js'
import { OIDS } from '../../src/x509/oids.js'

/** A folder in which openssl and certtool make and read what tests compare with. */
export interface Workbench {
  readonly folder: string
  at(name: string): string
  write(name: string, text: string | Uint8Array): string
  /** Standard output. @throws Error when openssl refuses */
  openssl(...args: readonly string[]): string
  /** Exit code and everything it said. */
  run(program: string, ...args: readonly string[]): { readonly code: number; readonly said: string }
  close(): void
}

export function openWorkbench(): Workbench {
  const folder = mkdtempSync(join(tmpdir(), 'errand-x509-'))
  const options = {
    cwd: folder,
    encoding: 'utf8' as const,
    stdio: ['ignore' as const, 'pipe' as const, 'pipe' as const],
  }
  return {
    folder,
    at: (name) => join(folder, name),
    write(name, text) {
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    },
    openssl: (...args) => execFileSync('openssl', args, options),
    run(program, ...args) {
      const { status, stdout, stderr } = spawnSync(program, args, options)
      return { code: status ?? -1, said: `${stdout}${stderr}` }
    },
    close: () => {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What `openssl genpkey` is told for each kind of key. */
export const KEY_KINDS = {
  'P-256': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'P-384': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  Ed25519: ['-algorithm', 'ED25519'],
  'RSA 2048': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  'RSA 4096': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:4096'],
} as const satisfies Record<string, readonly string[]>

export type KeyKind = keyof typeof KEY_KINDS

/** A request that openssl makes; PEM. The key stays in the workbench as `NAME.key`. */
export function makeCsr(bench: Workbench, name: string, key: readonly string[], ...options: readonly string[]): string {
  bench.openssl('genpkey', ...key, '-out', `${name}.key`)
  return bench.openssl('req', '-new', '-key', `${name}.key`, '-subj', '/CN=asked for', ...options)
}

const DAY = 86_400

/** A self-signed authority that openssl makes, valid for a day. */
export function makeAuthority(bench: Workbench, key: readonly string[], urls?: AuthorityUrls): Authority {
  bench.openssl('genpkey', ...key, '-out', 'authority.key')
  const extensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign']
  const added = extensions.flatMap((extension) => ['-addext', extension])
  const pem = bench.openssl(
    'req',
    '-x509',
    '-new',
    '-key',
    'authority.key',
    '-days',
    '1',
    '-subj',
    '/O=Errand test/CN=Authority',
    ...added,
  )
  bench.write('authority.pem', pem)
  const certificate = new X509Certificate(pem)
  const notBefore = Date.parse(certificate.validFrom) / 1000
  const [tbs] = readDer(certificate.raw)?.children ?? []
  const subjectKeyId = tbs?.children
    .at(-1)
    ?.children[0]?.children.find(({ children }) => oidOf(children[0]) === OIDS.subjectKeyIdentifier)
    ?.children.at(-1)
  return {
    id: hash('sha256', certificate.raw, 'hex').slice(0, 16),
    certificate: certificate.raw,
    subject: tbs?.children[5]?.bytes ?? Buffer.alloc(0),
    subjectKeyId: octetStringOf(readDer(octetStringOf(subjectKeyId) ?? Buffer.alloc(0))) ?? Buffer.alloc(0),
    privateKey: createPrivateKey(readFileSync(bench.at('authority.key'))),
    notBefore,
    notAfter: notBefore + DAY,
    chain: [pem],
    urls,
  }
}
