/*
 * What reading and writing DER have in common (ITU-T X.690): tags, the length before a content, and the characters of each
 * type of string.
 */

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

/** The same bytes, not a copy. */
export const viewOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

/** Where the content begins, if the length before it is definite and as short as can be (X.690 §10.1). */
export function contentStartOf(source: Buffer, start: number): number | undefined {
  const first = source[start + 1]
  if (first === undefined) return undefined
  if (first < 0x80) return start + 2
  const count = first & 0x7f
  const leading = source[start + 2]
  if (count === 0 || count > 4 || leading === undefined || leading === 0) return undefined
  if (count === 1 && leading < 0x80) return undefined
  return start + 2 + count
}

export function lengthAt(source: Buffer, start: number, contentStart: number): number {
  const count = contentStart - start - 2
  return count === 0 ? (source[start + 1] ?? 0) : source.readUIntBE(start + 2, count)
}

/** By tag; strings of other types may hold any byte. */
export const CHARACTERS: Readonly<Record<number, RegExp>> = {
  [TAGS.numericString]: /^[0-9 ]*$/,
  [TAGS.printableString]: /^[A-Za-z0-9 '()+,\-./:=?]*$/,
  [TAGS.ia5String]: /^\p{ASCII}*$/u,
  [TAGS.visibleString]: /^[ -~]*$/,
}
