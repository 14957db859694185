// @ts-check
// Ways to spoil DER. They know tags and lengths and nothing else, so they share no mistake with what is tested.

/** @typedef {import('./random.mjs').Random} Random */
/** @typedef {{ start: number, content: number, end: number, depth: number }} Place of one element */

/** Of what was nested by an earlier damage, no more is taken apart. */
const MAX_DEPTH = 40

/**
 * The elements of DER, also those inside of strings that hold DER. What is spoilt beyond reading counts as one.
 * @param {Buffer} der
 * @returns {Place[]}
 */
export function placesIn(der) {
  /** @type {Place[]} */
  const places = []
  walk(der, 0, der.length, 0, places)
  return places.length > 0 ? places : [{ start: 0, content: Math.min(2, der.length), end: der.length, depth: 0 }]
}

/**
 * @param {Buffer} der
 * @param {number} from
 * @param {number} to
 * @param {number} depth
 * @param {Place[]} places
 */
function walk(der, from, to, depth, places) {
  if (depth > MAX_DEPTH) return
  for (let start = from; start < to;) {
    const place = placeAt(der, start, to, depth)
    if (!place) return
    places.push(place)
    const tag = der[start] ?? 0
    // A bit string begins with its unused bits.
    if (tag & 0x20) walk(der, place.content, place.end, depth + 1, places)
    else if (tag === 4) walk(der, place.content, place.end, depth + 1, places)
    else if (tag === 3) walk(der, place.content + 1, place.end, depth + 1, places)
    start = place.end
  }
}

/**
 * @param {Buffer} der
 * @param {number} start
 * @param {number} to
 * @param {number} depth
 * @returns {Place | undefined}
 */
function placeAt(der, start, to, depth) {
  const first = der[start + 1] ?? 0x80
  const count = first < 0x80 ? 0 : first & 0x7f
  if (first === 0x80 || count > 3 || start + 2 + count > to) return undefined
  const content = start + 2 + count
  const end = content + (count === 0 ? first : der.readUIntBE(start + 2, count))
  return end <= to ? { start, content, end, depth } : undefined
}

/** @param {number} length */
export function lengthOf(length) {
  if (length < 0x80) return Buffer.from([length])
  const digits = length.toString(16)
  const bytes = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex')
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes])
}

/**
 * @param {number} tag
 * @param {Buffer} content
 */
export const tlv = (tag, content) => Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content])

/**
 * Replaces an element and mends the lengths of all that hold it: the damage is where it is meant to be.
 * @param {Buffer} der
 * @param {Place} place
 * @param {Buffer} by
 * @returns {Buffer}
 */
export function replaced(der, place, by) {
  const rewrite = (/** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ depth) => {
    /** @type {Buffer[]} */
    const parts = []
    let start = from
    while (start < to && depth <= MAX_DEPTH) {
      const at = placeAt(der, start, to, depth)
      if (!at) break
      parts.push(elementAt(at))
      start = at.end
    }
    return Buffer.concat([...parts, der.subarray(start, to)])
  }
  const elementAt = (/** @type {Place} */ at) => {
    if (at.start === place.start && at.end === place.end) return by
    if (at.end <= place.start || at.start >= place.end) return der.subarray(at.start, at.end)
    const tag = der[at.start] ?? 0
    const skip = tag === 3 ? 1 : 0
    const inner = rewrite(at.content + skip, at.end, at.depth + 1)
    return tlv(tag, Buffer.concat([der.subarray(at.content, at.content + skip), inner]))
  }
  return rewrite(0, der.length, 0)
}

/**
 * @typedef {(der: Buffer, random: Random, others: readonly Buffer[]) => Buffer} Mutator
 */

const DEPTHS = [1, 8, 17, 40, 300, 4000]
const LIES = [
  '00',
  '01',
  '7f',
  '80',
  '81',
  '8100',
  '817f',
  '8200ff',
  '82ffff',
  '83ffffff',
  '84ffffffff',
  '847fffffff',
  '8500',
  'ff',
]
const BYTES = [0, 1, 0x7f, 0x80, 0xff, 0x30, 0x31, 0x02, 0x1f, 0x3f, 0x05, 0x24, 0xa0, 0xa3]

/** @type {Readonly<Record<string, Mutator>>} */
export const MUTATORS = {
  'bit flip': (der, random) => {
    const copy = Buffer.from(der)
    for (let left = 1 + random.int(4); left > 0; left--) {
      const bit = random.int(copy.length * 8)
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    }
    return copy
  },
  'byte set': (der, random) => {
    const copy = Buffer.from(der)
    for (let left = 1 + random.int(3); left > 0; left--) copy[random.int(copy.length)] = random.pick(BYTES)
    return copy
  },
  truncation: (der, random) => der.subarray(0, random.int(der.length)),
  extension: (der, random) => Buffer.concat([der, random.bytes(1 + random.int(40))]),
  'length lie': (der, random) => {
    const place = random.pick(placesIn(der))
    const lie = Buffer.from(random.pick(LIES), 'hex')
    return Buffer.concat([der.subarray(0, place.start + 1), lie, der.subarray(place.content)])
  },
  'length off by a little': (der, random) => {
    const copy = Buffer.from(der)
    const place = random.pick(placesIn(der))
    copy[place.content - 1] = ((copy[place.content - 1] ?? 0) + random.pick([1, -1, 2, -2, 127])) & 0xff
    return copy
  },
  'longer length': (der, random) => {
    const place = random.pick(placesIn(der))
    const length = place.end - place.content
    const padded = Buffer.from([0x84, 0, length >> 16, (length >> 8) & 0xff, length & 0xff])
    return Buffer.concat([der.subarray(0, place.start + 1), padded, der.subarray(place.content)])
  },
  'indefinite length': (der, random) => {
    const place = random.pick(placesIn(der))
    const body = der.subarray(place.content, place.end)
    return replaced(
      der,
      place,
      Buffer.concat([der.subarray(place.start, place.start + 1), Buffer.from([0x80]), body, Buffer.alloc(2)]),
    )
  },
  'other tag': (der, random) => {
    const copy = Buffer.from(der)
    copy[random.pick(placesIn(der)).start] = random.int(256)
    return copy
  },
  'deep nesting': (der, random) => {
    const place = random.pick(placesIn(der))
    let inner = der.subarray(place.start, place.end)
    const tag = random.pick([0x30, 0x31, 0xa0, 0x24])
    for (let left = random.pick(DEPTHS); left > 0 && inner.length < 20_000; left--) inner = tlv(tag, inner)
    return replaced(der, place, inner)
  },
  'many elements': (der, random) => {
    const place = random.pick(placesIn(der))
    const element = random.pick(['0500', '0500', '3000', '020100', '0603550403', '0c00'])
    return replaced(der, place, tlv(0x30, Buffer.from(element.repeat(random.pick([10, 990, 2000, 9000])), 'hex')))
  },
  splice: (der, random, others) => {
    const other = random.pick(others)
    const from = random.pick(placesIn(other))
    return replaced(der, random.pick(placesIn(der)), other.subarray(from.start, from.end))
  },
  'element twice': (der, random) => {
    const place = random.pick(placesIn(der))
    const element = der.subarray(place.start, place.end)
    return replaced(der, place, Buffer.concat([element, element]))
  },
  'element left out': (der, random) => replaced(der, random.pick(placesIn(der)), Buffer.alloc(0)),
  'elements swapped': (der, random) => {
    const [one, other] = [random.pick(placesIn(der)), random.pick(placesIn(der))]
    const element = der.subarray(other.start, other.end)
    return replaced(der, one, element)
  },
  'other content': (der, random) => {
    const place = random.pick(placesIn(der))
    const content = random.bytes(random.pick([0, 1, 2, 8, 32, 65, 300]))
    return replaced(der, place, tlv(der[place.start] ?? 0, content))
  },
  'huge content': (der, random) => {
    const place = random.pick(placesIn(der))
    return replaced(
      der,
      place,
      tlv(der[place.start] ?? 0, Buffer.alloc(random.pick([5000, 11_000, 17_000]), random.int(256))),
    )
  },
  noise: (_, random) => random.bytes(random.int(200)),
}
