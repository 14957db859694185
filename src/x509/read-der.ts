/*
 * DER, and nothing that it carries (ITU-T X.690). node-forge's ASN.1 reads and writes; what forge reads leniently is refused
 * here, since two parsers that disagree on one text are how a signature comes to mean something else than what was signed.
 * Everything is bounded before it is looked at: bytes, depth and number of elements. Nothing here knows keys or certificates;
 * forge's own cryptography is never used.
 */
import forge from 'node-forge'
import type { EpochSeconds } from '../runtime/clock.js'
import { CHARACTERS, TAGS, contentStartOf, lengthAt, viewOf, type TagName } from './der-form.js'

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

const CLASSES: Readonly<Record<number, TagClass>> = {
  0: 'universal',
  0x40: 'application',
  0x80: 'context',
  0xc0: 'private',
}
/** Says that the tag number follows in further bytes: nothing that we read has one, and forge would take them for the length. */
const HIGH_TAG = 31

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
