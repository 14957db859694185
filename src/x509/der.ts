/*
 * DER, and nothing that it carries (ITU-T X.690). node-forge's ASN.1 reads and writes; what forge reads leniently is refused
 * here, since two parsers that disagree on one text are how a signature comes to mean something else than what was signed.
 * Everything is bounded before it is looked at: bytes, depth and number of elements. Nothing here knows keys or certificates;
 * forge's own cryptography is never used.
 */
import forge from 'node-forge'
import type { EpochSeconds } from '../runtime/clock.js'

const { asn1 } = forge

type TagClass = 'universal' | 'application' | 'context' | 'private'

/** One element. `bytes` and `content` are views of what was read, not copies. */
export interface DerNode {
  readonly tagClass: TagClass
  readonly tag: number
  readonly constructed: boolean
  /** Tag, length and content. */
  readonly bytes: Buffer
  readonly content: Buffer
  readonly children: readonly DerNode[]
}

/** How much is read at most. Forge makes at most one element of each two bytes, so `bytes` bounds its work, too. */
export interface DerBudget {
  readonly bytes: number
  readonly depth: number
  readonly nodes: number
}

/** Enough for any certificate or request that is sent to us in a form or a header. */
export const DER_BUDGET: DerBudget = { bytes: 16_384, depth: 16, nodes: 1_000 }

/** Universal tag numbers (X.680 §8.6). */
export const TAGS = {
  boolean: 1,
  integer: 2,
  bitString: 3,
  octetString: 4,
  null: 5,
  oid: 6,
  enumerated: 10,
  utf8String: 12,
  sequence: 16,
  set: 17,
  numericString: 18,
  printableString: 19,
  teletexString: 20,
  ia5String: 22,
  utcTime: 23,
  generalizedTime: 24,
  visibleString: 26,
  universalString: 28,
  bmpString: 30,
} as const

export type TagName = keyof typeof TAGS

const CLASSES: Readonly<Record<number, TagClass>> = {
  0: 'universal',
  0x40: 'application',
  0x80: 'context',
  0xc0: 'private',
}
const CONSTRUCTED = 0x20
/** Says that the tag number follows in further bytes: nothing that we read has one, and forge would take them for the length. */
const HIGH_TAG = 31

const viewOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

/**
 * The one element that the bytes are, or `undefined` if they are anything but DER within the budget: indefinite or
 * longer lengths than needed, bytes left over, integers, booleans, object identifiers and bit strings in another than
 * their one form, strings in pieces, tags of more than one byte.
 *
 * The order of a SET OF is not checked (X.690 §11.6): it says nothing, and authorities in the wild get it wrong in names.
 */
export function readDer(bytes: Uint8Array, budget: DerBudget = DER_BUDGET): DerNode | undefined {
  if (bytes.length > budget.bytes) return undefined
  const source = viewOf(bytes)
  const parsed = parsedByForge(source, budget.depth)
  if (!parsed) return undefined
  const reading = { source, nodesLeft: budget.nodes }
  const node = nodeAt(parsed, 0, reading)
  return node?.end === source.length ? node : undefined
}

/** As forge has it; its types know the first of the options only. */
const fromDer = asn1.fromDer as unknown as (
  bytes: string,
  options: { strict: boolean; parseAllBytes: boolean; decodeBitStrings: boolean; maxDepth: number },
) => forge.asn1.Asn1

function parsedByForge(source: Buffer, maxDepth: number): forge.asn1.Asn1 | undefined {
  // Forge guesses at what is inside bit strings, to any depth, unless told not to.
  const options = { strict: true, parseAllBytes: true, decodeBitStrings: false, maxDepth }
  try {
    return fromDer(source.toString('latin1'), options)
  } catch {
    return undefined
  }
}

interface Reading {
  readonly source: Buffer
  nodesLeft: number
}

class Element implements DerNode {
  constructor(
    readonly tagClass: TagClass,
    readonly tag: number,
    readonly constructed: boolean,
    readonly children: readonly DerNode[],
    private readonly source: Buffer,
    private readonly start: number,
    private readonly contentStart: number,
    readonly end: number,
  ) {}

  get bytes(): Buffer {
    return this.source.subarray(this.start, this.end)
  }

  get content(): Buffer {
    return this.source.subarray(this.contentStart, this.end)
  }
}

/** Follows what forge has read through the bytes, and compares each header with the one that DER has for it. */
function nodeAt(parsed: forge.asn1.Asn1, start: number, reading: Reading): Element | undefined {
  const { source } = reading
  reading.nodesLeft -= 1
  const tagClass = CLASSES[parsed.tagClass]
  const tag: number = parsed.type
  if (reading.nodesLeft < 0 || tagClass === undefined || tag === HIGH_TAG) return undefined
  const contentStart = contentStartOf(source, start)
  if (contentStart === undefined) return undefined
  let end = contentStart
  const children: Element[] = []
  if (parsed.constructed) {
    for (const child of parsed.value as forge.asn1.Asn1[]) {
      const node = nodeAt(child, end, reading)
      if (!node) return undefined
      children.push(node)
      end = node.end
    }
  } else {
    end += contentBytes(parsed)
  }
  if (lengthAt(source, start, contentStart) !== end - contentStart) return undefined
  const element = new Element(tagClass, tag, parsed.constructed, children, source, start, contentStart, end)
  return tagClass === 'universal' && !isCanonical(element) ? undefined : element
}

/** Forge reads every type numbered 30 two bytes at a time. */
const contentBytes = (parsed: forge.asn1.Asn1): number =>
  (parsed.value as string).length * (parsed.type === asn1.Type.BMPSTRING ? 2 : 1)

/** Where the content begins, if the length before it is definite and as short as can be (X.690 §10.1). */
function contentStartOf(source: Buffer, start: number): number | undefined {
  const first = source[start + 1]
  if (first === undefined) return undefined
  if (first < 0x80) return start + 2
  const count = first & 0x7f
  const leading = source[start + 2]
  if (count === 0 || count > 4 || leading === undefined || leading === 0) return undefined
  if (count === 1 && leading < 0x80) return undefined
  return start + 2 + count
}

function lengthAt(source: Buffer, start: number, contentStart: number): number {
  const count = contentStart - start - 2
  return count === 0 ? (source[start + 1] ?? 0) : source.readUIntBE(start + 2, count)
}

/** The one form that DER leaves each value of a universal type. */
function isCanonical({ tag, constructed, content }: DerNode): boolean {
  if (tag === TAGS.sequence || tag === TAGS.set) return constructed
  // Strings in pieces are BER (X.690 §10.2); everything else is primitive by nature.
  if (constructed) return false
  switch (tag) {
    case TAGS.boolean:
      return content.length === 1 && (content[0] === 0 || content[0] === 0xff)
    case TAGS.integer:
    case TAGS.enumerated:
      return isMinimalInteger(content)
    case TAGS.bitString:
      return isCanonicalBitString(content)
    case TAGS.null:
      return content.length === 0
    case TAGS.oid:
      return isCanonicalOid(content)
    case 0:
      // The end of an indefinite length, which DER does not have.
      return false
    default:
      return true
  }
}

function isMinimalInteger(content: Buffer): boolean {
  const [first, second] = content
  if (first === undefined) return false
  if (second === undefined) return true
  return !(first === 0 && second < 0x80) && !(first === 0xff && second >= 0x80)
}

/** Unused bits are fewer than eight, zero, and none where there is nothing (X.690 §8.6.2, §11.2.1). */
function isCanonicalBitString(content: Buffer): boolean {
  const unused = content[0]
  if (unused === undefined || unused > 7) return false
  if (content.length === 1) return unused === 0
  return ((content.at(-1) ?? 0) & ((1 << unused) - 1)) === 0
}

/** Each arc in as few bytes as can be, the last one ended (X.690 §8.19.2). */
function isCanonicalOid(content: Buffer): boolean {
  if (content.length === 0 || (content.at(-1) ?? 0x80) >= 0x80) return false
  return content.every((byte, at) => byte !== 0x80 || (content[at - 1] ?? 0) >= 0x80)
}

export const isUniversal = <N extends DerNode | undefined>(node: N, name: TagName): node is N & DerNode =>
  node?.tagClass === 'universal' && node.tag === TAGS[name]

export const isContext = (node: DerNode | undefined, tag: number): node is DerNode =>
  node?.tagClass === 'context' && node.tag === tag

/** No object identifier that means anything to us comes near (bytes of its content). */
const MAX_OID_BYTES = 64

/** Dotted decimal. */
export function oidOf(node: DerNode | undefined): string | undefined {
  if (!isUniversal(node, 'oid') || node.content.length > MAX_OID_BYTES) return undefined
  const arcs: bigint[] = []
  let arc = 0n
  for (const byte of node.content) {
    arc = (arc << 7n) | BigInt(byte & 0x7f)
    if (byte >= 0x80) continue
    arcs.push(arc)
    arc = 0n
  }
  const [head = 0n, ...tail] = arcs
  // The first two arcs share one number (X.690 §8.19.4).
  const top = head < 80n ? head / 40n : 2n
  return [top, head - top * 40n, ...tail].join('.')
}

export function integerOf(node: DerNode | undefined): bigint | undefined {
  if (!isUniversal(node, 'integer')) return undefined
  const value = BigInt(`0x${node.content.toString('hex')}`)
  return BigInt.asIntN(node.content.length * 8, value)
}

export const booleanOf = (node: DerNode | undefined): boolean | undefined =>
  isUniversal(node, 'boolean') ? node.content[0] === 0xff : undefined

export interface BitString {
  readonly unusedBits: number
  readonly bytes: Buffer
}

export const bitStringOf = (node: DerNode | undefined): BitString | undefined =>
  isUniversal(node, 'bitString') ? { unusedBits: node.content[0] ?? 0, bytes: node.content.subarray(1) } : undefined

export const octetStringOf = (node: DerNode | undefined): Buffer | undefined =>
  isUniversal(node, 'octetString') ? node.content : undefined

const CHARACTERS: Readonly<Record<number, RegExp>> = {
  [TAGS.numericString]: /^[0-9 ]*$/,
  [TAGS.printableString]: /^[A-Za-z0-9 '()+,\-./:=?]*$/,
  // eslint-disable-next-line no-control-regex -- IA5 is all of ASCII.
  [TAGS.ia5String]: /^[\u0000-\u007f]*$/,
  [TAGS.visibleString]: /^[ -~]*$/,
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text of a string, if it has only characters of its type. Teletex, BMP and universal strings are not read. */
export function textOf(node: DerNode | undefined): string | undefined {
  if (node?.tagClass !== 'universal') return undefined
  if (node.tag === TAGS.utf8String) return utf8TextOf(node.content)
  const text = node.content.toString('latin1')
  return CHARACTERS[node.tag]?.test(text) === true ? text : undefined
}

function utf8TextOf(content: Buffer): string | undefined {
  try {
    return utf8.decode(content)
  } catch {
    return undefined
  }
}

const UTC_TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/

/** A UTCTime or a GeneralizedTime in the one form that RFC 5280 §4.1.2.5 leaves each: seconds, `Z`, no fractions. */
export function timeOf(node: DerNode | undefined): EpochSeconds | undefined {
  const text = node?.content.toString('latin1') ?? ''
  if (isUniversal(node, 'generalizedTime')) return instantOf(GENERALIZED_TIME.exec(text)?.slice(1))
  if (!isUniversal(node, 'utcTime')) return undefined
  const [year = '', ...rest] = UTC_TIME.exec(text)?.slice(1) ?? []
  // RFC 5280 §4.1.2.5.1: 50 and above is of the last century.
  return instantOf([(Number(year) >= 50 ? '19' : '20') + year, ...rest])
}

function instantOf(parts: readonly string[] = []): EpochSeconds | undefined {
  const [year = '', month = '', day = '', hour = '', minute = '', second = ''] = parts
  const notation = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`
  const at = Date.parse(notation)
  // The parser takes 30 February for 2 March.
  if (Number.isNaN(at) || new Date(at).toISOString() !== notation) return undefined
  return at / 1000
}

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
