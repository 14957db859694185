import type { KeyObject } from 'node:crypto'
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { closeSync, constants, existsSync, fchmodSync, fstatSync, linkSync, mkdirSync } from 'node:fs'
import { openSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { EpochSeconds } from '../runtime/clock.js'
import { Fault } from '../runtime/fault.js'
import type { VerificationKey } from '../workloads/key-set.js'
import { parseKeySet } from '../workloads/key-set.js'

/**
 * The one local person: whoever can read a key file of mode 0600 on the broker's own machine, where there is no identity
 * provider. They sign tokens for themselves, each for a minute. The private key never leaves the file's owner, and it is
 * one person however many accounts the machine has: their `sub` is always `local`.
 */
export const LOCAL_ISSUER = 'urn:errand:local-person'
const LOCAL_SUBJECT = 'local'
export const LOCAL_ALGORITHM = 'EdDSA'
export const LOCAL_TOKEN_SECONDS = 60

/**
 * A token for the local person, signed in now. Makes the key file if there is none.
 * @throws Fault `key_unavailable` when the file can be read by others, is somebody else's, or is no key.
 */
export function signLocalPersonToken(keyFile: string, now: EpochSeconds): string {
  makeKeyFile(keyFile)
  const key = readKeyFile(keyFile)
  const claims = {
    iss: LOCAL_ISSUER,
    sub: LOCAL_SUBJECT,
    aud: LOCAL_ISSUER,
    iat: now,
    auth_time: now,
    exp: now + LOCAL_TOKEN_SECONDS,
    jti: randomBytes(16).toString('base64url'),
  }
  const signingInput = `${encode({ alg: LOCAL_ALGORITHM, typ: 'JWT' })}.${encode(claims)}`
  return `${signingInput}.${sign(null, Buffer.from(signingInput), key).toString('base64url')}`
}

/**
 * The public half of the key file, or `undefined` while nobody has made it. Read each time: it is asked for rarely, and a
 * file that was removed or opened to others must count at once.
 * @throws Fault `key_unavailable` as `signLocalPersonToken`.
 */
export function readLocalPersonKey(keyFile: string): VerificationKey | undefined {
  const key = readKeyFile(keyFile, 'if there is one')
  if (key === undefined) return undefined
  return parseKeySet({ keys: [createPublicKey(key).export({ format: 'jwk' })] })?.find(LOCAL_ALGORITHM, undefined)
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

function readKeyFile(keyFile: string): KeyObject
function readKeyFile(keyFile: string, absence: 'if there is one'): KeyObject | undefined
function readKeyFile(keyFile: string, absence?: 'if there is one'): KeyObject | undefined {
  let file: number
  try {
    // No link in its place: what is checked is what is read.
    file = openSync(keyFile, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (cause) {
    if (absence !== undefined && (cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Fault('key_unavailable', `the key file of the local person cannot be read: ${keyFile}`, { cause })
  }
  try {
    checkPrivate(file, keyFile)
    return parseKey(readFileSync(file, 'utf8'), keyFile)
  } finally {
    closeSync(file)
  }
}

function checkPrivate(file: number, keyFile: string): void {
  const { mode, uid } = fstatSync(file)
  const problem = (mode & 0o077) === 0 ? undefined : 'can be read by others; run chmod 600'
  const owner = process.getuid?.()
  const foreign = owner !== undefined && uid !== owner && owner !== 0 ? 'belongs to another user' : undefined
  const found = problem ?? foreign
  if (found !== undefined) throw new Fault('key_unavailable', `the key file of the local person ${found}: ${keyFile}`)
}

function parseKey(pem: string, keyFile: string): KeyObject {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch (cause) {
    throw new Fault('key_unavailable', `the key file of the local person holds no key: ${keyFile}`, { cause })
  }
  throw new Fault('key_unavailable', `the key file of the local person holds another kind of key: ${keyFile}`)
}

/** Whole or not at all: written beside it and linked into place, so that of two who start together both read the same key. */
function makeKeyFile(keyFile: string): void {
  if (existsSync(keyFile)) return
  mkdirSync(dirname(keyFile), { recursive: true, mode: 0o700 })
  const draft = `${keyFile}.${randomBytes(8).toString('hex')}`
  const { privateKey } = generateKeyPairSync('ed25519')
  try {
    const file = openSync(draft, 'wx', 0o600)
    try {
      fchmodSync(file, 0o600)
      writeFileSync(file, privateKey.export({ format: 'pem', type: 'pkcs8' }))
    } finally {
      closeSync(file)
    }
    linkSync(draft, keyFile)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new Fault('key_unavailable', `the key file of the local person cannot be made: ${keyFile}`, { cause })
  } finally {
    unlinkIfThere(draft)
  }
}

function unlinkIfThere(file: string): void {
  try {
    unlinkSync(file)
  } catch {
    // It was never made.
  }
}
