import forge from 'node-forge'
import type { EpochSeconds } from '../runtime/clock.js'
import { CHARACTERS, TAGS, contentStartOf, lengthAt, viewOf } from './der-form.js'

const { asn1 } = forge
const CONSTRUCTED = 0x20

/** Something to be written: made by the functions below, written by `encode`. */
export type DerValue = forge.asn1.Asn1

// Forge joins class and number with OR, and treats the numbers 2 and 30 in any class as the universal types they name. Here
// the class is always 0 and the number is that of a universal type, or a whole tag byte, which it then writes as it is.
const element = (tag: number, isConstructed: boolean, value: string | DerValue[]): DerValue =>
  (asn1.create as (...parts: unknown[]) => DerValue)(0, tag, isConstructed, value)

const primitive = (tag: number, content: string): DerValue => element(tag, false, content)
const compound = (tag: number, values: readonly DerValue[]): DerValue => element(tag, true, [...values])
const latin1 = (bytes: Uint8Array): string => viewOf(bytes).toString('latin1')

export const encode = (value: DerValue): Buffer => Buffer.from(asn1.toDer(value).getBytes(), 'latin1')

export const sequence = (...values: DerValue[]): DerValue => compound(TAGS.sequence, values)

/** A SET OF: written in the order of the encodings, as DER wants it (X.690 §11.6). */
export const set = (...values: DerValue[]): DerValue =>
  compound(
    TAGS.set,
    values.length < 2
      ? values
      : values
          .map((value) => encode(value))
          .sort((one, other) => one.compare(other))
          .map(raw),
  )

/** A number, or the bytes of a non-negative one, most significant first. */
export function integer(value: number | bigint | Uint8Array): DerValue {
  return primitive(TAGS.integer, latin1(typeof value === 'object' ? unsigned(value) : signed(BigInt(value))))
}

/** Without leading zeros, but for the one that keeps the number from being negative. */
function unsigned(bytes: Uint8Array): Uint8Array {
  const from = bytes.findIndex((byte) => byte !== 0)
  if (from === -1) return Buffer.from([0])
  const digits = bytes.subarray(from)
  return (digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), digits]) : digits
}

function signed(value: bigint): Uint8Array {
  let bits = 8
  while (BigInt.asIntN(bits, value) !== value) bits += 8
  return Buffer.from(
    BigInt.asUintN(bits, value)
      .toString(16)
      .padStart(bits / 4, '0'),
    'hex',
  )
}

export const enumerated = (value: number): DerValue => primitive(TAGS.enumerated, latin1(signed(BigInt(value))))
export const boolean = (value: boolean): DerValue => primitive(TAGS.boolean, value ? '\xff' : '\0')
export const nothing = (): DerValue => primitive(TAGS.null, '')
export const octetString = (bytes: Uint8Array): DerValue => primitive(TAGS.octetString, latin1(bytes))

export const bitString = (bytes: Uint8Array, unusedBits = 0): DerValue =>
  primitive(TAGS.bitString, String.fromCharCode(unusedBits) + latin1(bytes))

/**
 * Named bits, the first at 0: without trailing zeros (X.690 §11.2.2).
 * @example namedBits([0, 2]) // digitalSignature and keyEncipherment of a key usage
 */
export function namedBits(bits: readonly number[]): DerValue {
  const last = Math.max(-1, ...bits)
  const bytes = Buffer.alloc((last + 8) >> 3)
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7))
  return bitString(bytes, last === -1 ? 0 : 7 - (last & 7))
}

/** Arcs may have any size, as those below 2.25 do (ITU-T X.667), which forge's own encoder cuts to 32 bits. */
export function oid(dotted: string): DerValue {
  const [top, second, ...rest] = dotted.split('.').map(BigInt)
  if (top === undefined || second === undefined) throw new RangeError('an object identifier has two arcs at least')
  return primitive(TAGS.oid, [top * 40n + second, ...rest].map(base128).join(''))
}

function base128(arc: bigint): string {
  let text = String.fromCharCode(Number(arc & 0x7fn))
  for (let left = arc >> 7n; left > 0n; left >>= 7n) text = String.fromCharCode(Number(left & 0x7fn) | 0x80) + text
  return text
}

/** @throws RangeError for half of a surrogate pair, which has no UTF-8 */
export function utf8String(text: string): DerValue {
  if (Buffer.byteLength(text) === text.length) return primitive(TAGS.utf8String, text)
  if (/\p{Cs}/u.test(text)) throw new RangeError('the text has characters that its type does not have')
  return primitive(TAGS.utf8String, latin1(Buffer.from(text)))
}
export const ia5String = (text: string): DerValue => characters(TAGS.ia5String, text)
export const printableString = (text: string): DerValue => characters(TAGS.printableString, text)

/** @throws RangeError for characters that the type does not have: that is a mistake of the caller, never cut or replaced */
function characters(tag: number, text: string): DerValue {
  if (CHARACTERS[tag]?.test(text) !== true) throw new RangeError('the text has characters that its type does not have')
  return primitive(tag, text)
}

const FIRST_OF_2050 = Date.UTC(2050) / 1000

/** UTCTime until 2049 and GeneralizedTime from then on (RFC 5280 §4.1.2.5). */
export const time = (at: EpochSeconds): DerValue =>
  at < FIRST_OF_2050 ? primitive(TAGS.utcTime, digitsOf(at).slice(2)) : generalizedTime(at)

export const generalizedTime = (at: EpochSeconds): DerValue => primitive(TAGS.generalizedTime, digitsOf(at))

/** `YYYYMMDDhhmmssZ`. */
function digitsOf(at: EpochSeconds): string {
  const text = new Date(at * 1000).toISOString()
  const part = (from: number, to: number): string => text.slice(from, to)
  return `${part(0, 4)}${part(5, 7)}${part(8, 10)}${part(11, 13)}${part(14, 16)}${part(17, 19)}Z`
}

const CONTEXT = 0x80

export const explicit = (tag: number, value: DerValue): DerValue => element(CONTEXT | tag, true, [value])

/** The value with a context-specific tag in place of its own. */
export const implicit = (tag: number, value: DerValue): DerValue =>
  element(CONTEXT | tag | (value.type & CONSTRUCTED), value.constructed, value.value)

/**
 * One element that is encoded already, as it is.
 * @throws RangeError unless it is one whole element with a tag of one byte, and not a BMPString (which forge would rewrite)
 */
export function raw(bytes: Uint8Array): DerValue {
  const source = viewOf(bytes)
  const tag = source[0] ?? 0
  const contentStart = contentStartOf(source, 0)
  const whole = contentStart !== undefined && contentStart + lengthAt(source, 0, contentStart) === source.length
  if (!whole || tag === TAGS.bmpString) throw new RangeError('not one whole element that can be written as it is')
  return element(tag, false, source.toString('latin1', contentStart))
}
