import { createPrivateKey, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto'
import { resolve } from 'node:path'
import { fromPem } from '../x509/pem.js'
import type { Path, Report } from './fault.js'

/** What loading may touch. `readFile` throws where a file cannot be read. */
export interface LoadContext {
  /** The configuration's folder: relative paths start there. */
  readonly directory: string
  readonly readFile: (path: string) => Buffer
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Where faults go, and what the checks may read. */
export interface Desk {
  readonly report: Report
  resolve(file: string): string
  /** `undefined` after a fault. */
  read(at: Path, file: string): Buffer | undefined
  readonly env: LoadContext['env']
}

export function deskOf(context: LoadContext, report: Report): Desk {
  const resolveFile = (file: string): string => resolve(context.directory, file)
  return {
    report,
    resolve: resolveFile,
    read(at, file) {
      const path = resolveFile(file)
      try {
        return context.readFile(path)
      } catch (error) {
        report(at, `cannot be read: ${reasonOf(error)}`, `see that ${path} is there and that Errand may read it`)
        return undefined
      }
    },
    env: context.env,
  }
}

/** PEM of one or several certificates, as it stands in the file. */
export function readCertificates(desk: Desk, at: Path, file: string): string | undefined {
  const bytes = desk.read(at, file)
  if (bytes === undefined) return undefined
  const text = bytes.toString('utf8')
  if (fromPem('CERTIFICATE', text)?.every((block) => certificateOf(block) !== undefined) === true) return text
  desk.report(at, 'holds no readable certificate', 'a PEM file: -----BEGIN CERTIFICATE----- …')
  return undefined
}

/** That a certificate and its private key can be read and belong together. */
export function checkKeyPair(
  desk: Desk,
  at: Path,
  files: { readonly cert_file: string; readonly key_file: string },
): void {
  const chain = readCertificates(desk, [...at, 'cert_file'], files.cert_file)
  const bytes = desk.read([...at, 'key_file'], files.key_file)
  if (bytes === undefined) return
  const key = attempt(() => createPrivateKey(bytes))
  if (key === undefined) {
    desk.report(
      [...at, 'key_file'],
      'holds no readable private key',
      'a PEM file without a passphrase: -----BEGIN PRIVATE KEY----- …',
    )
    return
  }
  const leaf = chain === undefined ? undefined : certificateOf(chain)
  if (leaf?.checkPrivateKey(key) === false) {
    desk.report(
      [...at, 'key_file'],
      'is not the key of the certificate',
      'take the key that the certificate was made for',
    )
  }
}

/** The value of a secret, from the one place that names it. A function: so it cannot be printed by accident. */
export function readSecret(
  desk: Desk,
  at: Path,
  key: string,
  named: { readonly file: string | undefined; readonly env: string | undefined },
): (() => string) | undefined {
  if (named.file !== undefined && named.env !== undefined) {
    desk.report([...at, `${key}_env`], `stands beside ${key}_file`, 'keep one of the two')
    return undefined
  }
  if (named.file !== undefined) {
    const text = desk
      .read([...at, `${key}_file`], named.file)
      ?.toString('utf8')
      .replace(/\r?\n$/, '')
    return keepSecret(desk, [...at, `${key}_file`], text, 'put the secret into the file')
  }
  if (named.env === undefined) return undefined
  return keepSecret(desk, [...at, `${key}_env`], desk.env[named.env] ?? '', 'set the variable before Errand starts')
}

function keepSecret(desk: Desk, at: Path, text: string | undefined, remedy: string): (() => string) | undefined {
  if (text === undefined) return undefined
  if (text !== '') return () => text
  desk.report(at, 'is empty', remedy)
  return undefined
}

export const publicKeyOf = (jwk: Readonly<Record<string, unknown>>): KeyObject | undefined =>
  attempt(() => createPublicKey({ key: jwk, format: 'jwk' }))

const certificateOf = (bytes: string | Buffer): X509Certificate | undefined => attempt(() => new X509Certificate(bytes))

function attempt<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch {
    return undefined
  }
}

const reasonOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'it failed'
