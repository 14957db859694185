import { createPublicKey, type KeyObject } from 'node:crypto'
import { isStrongKey } from '../runtime/strong-key.js'
import type { ParsedCertificate } from './certificate.js'

/**
 * The key of a certificate that somebody else made; `undefined` for what is weak or unknown (`runtime/strong-key.ts`)
 * or malformed: curves without a name, points off their curve.
 */
export function keyOf(certificate: ParsedCertificate): KeyObject | undefined {
  // Roots are asked for their keys with each path, and an import costs more than a verification.
  if (!keys.has(certificate)) keys.set(certificate, strongKeyOf(certificate))
  return keys.get(certificate)
}

const keys = new WeakMap<ParsedCertificate, KeyObject | undefined>()

function strongKeyOf({ spki }: ParsedCertificate): KeyObject | undefined {
  const key = importKey(spki)
  return key !== undefined && isStrongKey(key) ? key : undefined
}

function importKey(spki: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}
