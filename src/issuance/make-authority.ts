import { createPrivateKey, generateKeyPair, randomBytes, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { EpochSeconds } from '../runtime/clock.js'
import { sha256Hex } from '../runtime/digest.js'
import { authorityName, makeCaCertificate } from '../x509/ca-certificate.js'
import { keyIdentifierOf, spkiOf } from '../x509/spki.js'
import { authorityLifetime, type NewAuthority, type RootEntry } from './authority-book.js'

/** Whose authorities these are, and where what they say is found. */
export interface AuthorityPlace {
  readonly trustDomain: string
  /** `pki.url`, without a slash at its end. */
  readonly pkiUrl: string | undefined
}

/** Seconds. Those who check have clocks of their own. */
const BACKDATED = 300
/** Ten years: relying parties are given it by hand. */
const ROOT_LIFETIME = 3652 * 86_400
const generate = promisify(generateKeyPair)

/** 16 hex digits of the digest of a certificate: names a CA, and decides nothing. */
export const authorityIdOf = (certificate: Uint8Array): string => sha256Hex(certificate).slice(0, 16)

export const spiffeIdOf = (trustDomain: string): string => `spiffe://${trustDomain}`

/** EC P-256, PKCS #8. */
export async function newAuthorityKey(): Promise<KeyObject> {
  const { privateKey } = await generate('ec', { namedCurve: 'P-256' })
  return privateKey
}

export const encodeKey = (key: KeyObject): string => key.export({ format: 'der', type: 'pkcs8' }).toString('base64')

export const decodeKey = (text: string): KeyObject =>
  createPrivateKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'pkcs8' })

/** Authorities of one name are told apart by their keys. */
export const nameOf = (what: 'root' | 'issuing', key: KeyObject, trustDomain: string): Buffer =>
  authorityName(trustDomain, `Errand ${what} CA ${keyIdentifierOf(spkiOf(key)).toString('hex').slice(0, 8)}`)

export async function makeRoot({ trustDomain }: AuthorityPlace, now: EpochSeconds): Promise<RootEntry> {
  const privateKey = await newAuthorityKey()
  const subject = nameOf('root', privateKey, trustDomain)
  const notAfter = now + ROOT_LIFETIME
  const template = {
    serial: newSerial(),
    subject,
    publicKey: privateKey,
    notBefore: now - BACKDATED,
    notAfter,
    pathLength: 1,
    spiffeId: spiffeIdOf(trustDomain),
  }
  const certificate = makeCaCertificate(template, { subject, privateKey })
  return {
    id: authorityIdOf(certificate),
    certificate: certificate.toString('base64'),
    privateKey: encodeKey(privateKey),
    notAfter,
    revoked: [],
  }
}

/** An issuing authority below a root of ours. It does not outlive its root. */
export async function makeIssuing(
  root: RootEntry,
  { trustDomain, pkiUrl }: AuthorityPlace,
  rotateEvery: number,
  now: EpochSeconds,
): Promise<NewAuthority> {
  const privateKey = await newAuthorityKey()
  const serial = newSerial()
  const [notBefore, notAfter] = [now - BACKDATED, Math.min(now + authorityLifetime(rotateEvery), root.notAfter)]
  const template = {
    serial,
    subject: nameOf('issuing', privateKey, trustDomain),
    publicKey: privateKey,
    notBefore,
    notAfter,
    pathLength: 0,
    spiffeId: spiffeIdOf(trustDomain),
    ...(pkiUrl !== undefined && { urls: { crl: `${pkiUrl}/crl/${root.id}`, issuer: `${pkiUrl}/ca/${root.id}` } }),
  }
  const rootKey = decodeKey(root.privateKey)
  const certificate = makeCaCertificate(template, {
    subject: nameOf('root', rootKey, trustDomain),
    privateKey: rootKey,
  })
  return {
    id: authorityIdOf(certificate),
    origin: 'self_made',
    certificate: certificate.toString('base64'),
    above: [root.certificate],
    privateKey: encodeKey(privateKey),
    serial: serial.toString('hex'),
    notBefore,
    notAfter,
  }
}

/** 127 random bits, positive and without leading zeros (RFC 5280 §4.1.2.2; its top bits are 01). */
function newSerial(): Buffer {
  const serial = randomBytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40
  return serial
}
