import type { KeyObject } from 'node:crypto'
import type { EpochSeconds } from '../runtime/clock.js'
import { bitString, encode, explicit, integer, sequence, time } from './write-der.js'
import { authorityKeyIdentifier, extension } from './extension.js'
import { OIDS } from './oids.js'
import { requireAlgorithm, signInPool } from './signing.js'

/** A complete list of one authority (RFC 5280 §5.1): no distribution points of its own, no entries of other issuers, no deltas. */
export interface CrlContent {
  /** DER of the authority's name. */
  readonly issuer: Buffer
  readonly authorityKeyId: Buffer
  /** Grows from list to list (§5.2.3). */
  readonly number: bigint
  readonly thisUpdate: EpochSeconds
  readonly nextUpdate: EpochSeconds
  /** Runs of entries by `encodeRevoked`, any number in each: with 100,000 of them they are not touched one by one. */
  readonly entries: readonly Buffer[]
}

const SEQUENCE = 0x30
const INTEGER = 0x02
/** Version 2, which is written as 1 (§5.1.2.1). */
const V2 = 1
/** Bytes (§5.2.3). */
const MAX_NUMBER = 1n << 159n

/**
 * One entry: serial number and time. The reason is left out: §5.3.1 wants it absent rather than unspecified, and verifiers act
 * the same on all of them.
 * @param serial as the certificate has it: positive, without leading zeros
 */
export function encodeRevoked(serial: Uint8Array, at: EpochSeconds): Buffer {
  const [first = 0] = serial
  if (first === 0 || first >= 0x80 || serial.length > 20) throw new RangeError('not a serial number')
  const when = encodeTime(at)
  const length = 2 + serial.length + when.length
  return Buffer.concat([Buffer.from([SEQUENCE, length, INTEGER, serial.length]), serial, when])
}

let lastTime: { readonly at: EpochSeconds; readonly bytes: Buffer } = { at: -1, bytes: Buffer.alloc(0) }

/** Many certificates end at once. */
function encodeTime(at: EpochSeconds): Buffer {
  if (lastTime.at !== at) lastTime = { at, bytes: encode(time(at)) }
  return lastTime.bytes
}

/** Builds and signs. The entries are copied once and signed in the thread pool; everything else is small. */
export async function makeCrl(content: CrlContent, privateKey: KeyObject): Promise<Buffer> {
  if (content.number >= MAX_NUMBER) throw new RangeError('the number of a CRL has at most 20 bytes')
  const { identifier } = requireAlgorithm(privateKey)
  const head = [
    encode(integer(V2)),
    identifier,
    content.issuer,
    encode(time(content.thisUpdate)),
    encode(time(content.nextUpdate)),
  ]
  const extensions = encode(
    explicit(
      0,
      sequence(authorityKeyIdentifier(content.authorityKeyId), extension(OIDS.crlNumber, integer(content.number))),
    ),
  )
  const tbs = wrap([...head, ...revokedCertificates(content.entries), extensions])
  const signature = await signInPool(privateKey, tbs)
  return wrap([tbs, identifier, encode(bitString(signature))])
}

/** Absent where there are none (§5.1.2.6). */
function revokedCertificates(entries: readonly Buffer[]): readonly Buffer[] {
  const length = lengthOf(entries)
  return length === 0 ? [] : [header(length), ...entries]
}

const lengthOf = (parts: readonly Buffer[]): number => parts.reduce((sum, part) => sum + part.length, 0)

/** A SEQUENCE of what is encoded already. */
const wrap = (parts: readonly Buffer[]): Buffer => {
  const length = lengthOf(parts)
  const start = header(length)
  return Buffer.concat([start, ...parts], start.length + length)
}

/** Tag and length of a SEQUENCE (X.690 §8.1.3, §10.1). */
function header(length: number): Buffer {
  if (length < 0x80) return Buffer.from([SEQUENCE, length])
  const digits = Buffer.alloc(4)
  digits.writeUInt32BE(length)
  const significant = digits.subarray(digits.findIndex((byte) => byte !== 0))
  return Buffer.concat([Buffer.from([SEQUENCE, 0x80 | significant.length]), significant])
}
