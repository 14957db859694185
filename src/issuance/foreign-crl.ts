import type { EpochSeconds } from '../runtime/clock.js'
import { Fault } from '../runtime/fault.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { keyOf } from '../x509/certificate-key.js'
import { parseCertificate, type ParsedCertificate } from '../x509/certificate.js'
import { parseCrl, type ParsedCrl } from '../x509/crl.js'
import { isSameName } from '../x509/name.js'
import { fromPem } from '../x509/pem.js'
import { isSignedBy } from '../x509/signature.js'
import type { Book, ForeignCrl } from './authority-book.js'
import { authorityIdOf } from './make-authority.js'

/** Why the CRL of a root that is not ours is not served. A text for whoever gave it. */
export interface CrlRefusal {
  readonly reason: 'crl_unacceptable'
  readonly detail: string
}

/** It is kept in the sealed document, which is read as a whole. */
const MAX_BYTES = 1024 * 1024

/** The list of an authority above ours: signed by it, complete, in force, and no older than the one that is there. DER or PEM. */
export function acceptCrl(book: Book, bytes: Buffer, now: EpochSeconds): Result<ForeignCrl, CrlRefusal> {
  if (bytes.length > MAX_BYTES) return no('it is larger than 1 MiB')
  const der = derOf(bytes)
  const parsed = der === undefined ? undefined : parseCrl(der)
  if (der === undefined || parsed === undefined) return no('it is no CRL')
  if (!parsed.ok) return no(`it cannot be read: ${parsed.refusal}`)
  const crl = parsed.value
  if (crl.unknownCritical.length > 0) return no('it is not a complete list of one authority')
  if (crl.thisUpdate > now + CLOCKS || crl.nextUpdate <= now) return no('it is not in force now: ask for a new one')
  const above = [...new Set(book.authorities.flatMap((entry) => entry.above))].map((text) =>
    Buffer.from(text, 'base64'),
  )
  const issuer = above.find((certificate) => isListOf(crl, certificate))
  if (issuer === undefined) return no('it is of no authority above ours (`errand ca list`)')
  const id = authorityIdOf(issuer)
  if (book.roots.some((root) => root.id === id)) return no('that authority is ours: its list is made here')
  const held = heldCrl(book, id)
  if (held !== undefined && held.thisUpdate > crl.thisUpdate) return no('it is older than the one that is served')
  return ok({ id, crl: der.toString('base64') })
}

/** Seconds that another machine's clock may be ahead. */
const CLOCKS = 300

const no = (detail: string) => refuse({ reason: 'crl_unacceptable' as const, detail })

function derOf(bytes: Buffer): Buffer | undefined {
  return bytes.includes('-----BEGIN') ? fromPem('X509 CRL', bytes.toString('latin1'))?.[0] : bytes
}

function isListOf(crl: ParsedCrl, certificate: Buffer): boolean {
  const parsed = parseCertificate(certificate)
  if (!parsed.ok || !isSameName(parsed.value.subject, crl.issuer)) return false
  return maySignLists(parsed.value) && isSigned(crl, parsed.value)
}

/** RFC 5280 §6.3.3 (f). */
const maySignLists = ({ keyUsage }: ParsedCertificate): boolean => keyUsage?.has('cRLSign') ?? true

function isSigned({ algorithm, tbs, signature }: ParsedCrl, issuer: ParsedCertificate): boolean {
  const key = keyOf(issuer)
  return key !== undefined && algorithm !== undefined && isSignedBy(key, algorithm, tbs, signature)
}

/** A list that was imported: what verifiers get, and for how long. */
export interface ForeignList {
  readonly der: Buffer
  readonly thisUpdate: EpochSeconds
  readonly nextUpdate: EpochSeconds
}

/** @throws Fault `record_tampered` for what `acceptCrl` has not let in */
export function listOf(crl: string): ForeignList {
  const der = Buffer.from(crl, 'base64')
  const parsed = parseCrl(der)
  if (!parsed.ok) throw new Fault('record_tampered', 'a CRL in the store is not what Errand writes')
  const { thisUpdate, nextUpdate } = parsed.value
  return { der, thisUpdate, nextUpdate }
}

/** What was imported for this authority, read again. */
function heldCrl(book: Book, id: string): ParsedCrl | undefined {
  const held = book.foreignCrls.find((entry) => entry.id === id)
  const parsed = held && parseCrl(Buffer.from(held.crl, 'base64'))
  return parsed?.ok === true ? parsed.value : undefined
}
