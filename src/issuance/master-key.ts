import { createSecretKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto'
import {
  closeSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { Fault } from '../runtime/fault.js'

/** What a derived key is for. One purpose, one key: what is made for one can never pass as the other. */
export type KeyPurpose =
  'key-ring' | 'authorities' | 'record-mac' | 'dpop-nonce' | 'deferral-mac' | 'credential-mac' | 'list-cursor'

/**
 * The 32-byte encryption key. It stays outside the store: who can write the store still cannot make records or keys.
 */
export interface MasterKey {
  /** Names the key without telling anything of it: says that another key file is in use. 16 hex digits. */
  readonly id: string
  /** A 256-bit key for one purpose, by HKDF-SHA256 (RFC 5869). The same each time. */
  derive(purpose: KeyPurpose): KeyObject
}

const MASTER_KEY_BYTES = 32
/** Separates our derived keys from whatever else the operator may use the file for. */
const SALT = 'errand encryption key, version 1'
const OWNER_ONLY = 0o600
const OTHERS = 0o077

/** @throws RangeError unless there are exactly 32 bytes. */
export function masterKeyOf(bytes: Uint8Array): MasterKey {
  if (bytes.length !== MASTER_KEY_BYTES) throw new RangeError(`an encryption key has ${MASTER_KEY_BYTES} bytes`)
  const material = createSecretKey(bytes)
  const expand = (purpose: string, length: number) => Buffer.from(hkdfSync('sha256', material, SALT, purpose, length))
  return {
    id: expand('key-id', 8).toString('hex'),
    derive: (purpose) => createSecretKey(expand(`errand:${purpose}`, 32)),
  }
}

/** The key of invariant 8: records in the store carry a MAC by it. */
export const macKey = (master: MasterKey): KeyObject => master.derive('record-mac')

/**
 * Reads a key file: 32 bytes in base64, white space around them allowed.
 * With `ownerOnly` a file that group or others may read or write is refused; a mounted secret often has such a mode, so
 * that is asked only of the file that Errand makes itself.
 * @throws Fault `key_unavailable`, with what to do
 */
export function readMasterKey(path: string, { ownerOnly }: { ownerOnly: boolean }): MasterKey {
  return masterKeyOf(parseKeyText(readChecked(path, ownerOnly), path))
}

/**
 * The key file of the embedded default: made with mode 0600 when there is none, never replaced. Of several processes
 * that start at once exactly one makes it, and no one ever sees a file that is half written.
 * @throws Fault `key_unavailable`, with what to do
 */
export function openMasterKey(path: string): MasterKey {
  try {
    return readMasterKey(path, { ownerOnly: true })
  } catch (error) {
    if (!isCode(error instanceof Fault ? error.cause : error, 'ENOENT')) throw error
  }
  createKeyFile(path)
  return readMasterKey(path, { ownerOnly: true })
}

function readChecked(path: string, ownerOnly: boolean): string {
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    const mode = fstatSync(fd).mode
    if (ownerOnly && (mode & OTHERS) !== 0) {
      throw new Fault('key_unavailable', `others may read the encryption key file ${path}: chmod 600 it`)
    }
    return readFileSync(fd, 'utf8')
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    throw new Fault('key_unavailable', `the encryption key file ${path} cannot be read`, { cause })
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

function parseKeyText(text: string, path: string): Buffer {
  const trimmed = text.trim()
  const bytes = Buffer.from(trimmed, 'base64')
  if (bytes.length === MASTER_KEY_BYTES && bytes.toString('base64') === trimmed) return bytes
  const remedy = 'make one with: openssl rand -base64 32'
  throw new Fault('key_unavailable', `the encryption key file ${path} does not hold 32 bytes in base64; ${remedy}`)
}

function createKeyFile(path: string): void {
  // Written apart and linked into place: link() fails when the name exists, so a race has one winner.
  const draft = `${path}.${randomBytes(8).toString('hex')}`
  try {
    const fd = openSync(draft, 'wx', OWNER_ONLY)
    try {
      fchmodSync(fd, OWNER_ONLY)
      writeSync(fd, `${randomBytes(MASTER_KEY_BYTES).toString('base64')}\n`)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    linkSync(draft, path)
    syncFolder(dirname(path))
  } catch (cause) {
    if (isCode(cause, 'EEXIST')) return
    throw new Fault('key_unavailable', `the encryption key file ${path} cannot be made`, { cause })
  } finally {
    rmSync(draft, { force: true })
  }
}

function syncFolder(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
