import { createCipheriv, createDecipheriv, randomBytes, type KeyObject } from 'node:crypto'
import { Fault } from '../runtime/fault.js'

const NONCE_BYTES = 12
const TAG_BYTES = 16
const FORMAT = 'v1'

/** What a sealed text is, and which version of it: neither can be passed off as another. */
export interface SealContext {
  readonly purpose: string
  readonly version: number
  /** Names the master key, to tell a wrong key file from a damaged record. */
  readonly keyId: string
}

const associatedData = ({ purpose, version, keyId }: SealContext): Buffer =>
  Buffer.from(`${FORMAT}.${keyId}.${purpose}.${version}`)

/**
 * AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D §8.2.2: a key serves up to 2^32 sealings; ours, a few each
 * month). The form is `v1.<key id>.<base64url of nonce, ciphertext and tag>`.
 */
export function seal(key: KeyObject, context: SealContext, text: string): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(associatedData(context))
  const body = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return `${FORMAT}.${context.keyId}.${body.toString('base64url')}`
}

/**
 * The inverse of `seal`.
 * @throws Fault `key_unavailable` when it was sealed by another master key, `record_tampered` when it does not verify
 */
export function unseal(key: KeyObject, context: SealContext, sealed: string): string {
  const [format, keyId, body, ...rest] = sealed.split('.')
  if (format !== FORMAT || body === undefined || rest.length > 0) throw tampered(context)
  if (keyId !== context.keyId) {
    const remedy = 'give the key file that it was made with'
    throw new Fault('key_unavailable', `the ${context.purpose} was sealed with another encryption key; ${remedy}`)
  }
  const bytes = Buffer.from(body, 'base64url')
  if (bytes.length < NONCE_BYTES + TAG_BYTES) throw tampered(context)
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAAD(associatedData(context))
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
  try {
    const start = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES))
    return Buffer.concat([start, decipher.final()]).toString('utf8')
  } catch (cause) {
    throw tampered(context, cause)
  }
}

const tampered = ({ purpose, version }: SealContext, cause?: unknown): Fault =>
  new Fault('record_tampered', `the ${purpose}, version ${version}, does not verify`, { cause })
