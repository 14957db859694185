/**
 * Ids as they stand in key and member names: their 16 random bytes in 22 characters in place of 32 hex digits. The shard
 * is in the key's hash tag. The alphabet is base64url's in the order of ASCII, so short ids sort as the ids do: deadlines
 * of the same second are handed out in the order of their ids by any store.
 */
const ALPHABET = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz'

/** The characters for twelve bits, which are three hex digits; and back. */
const PAIRS: string[] = []
const DIGITS: string[] = []
for (let bits = 0; bits < 4096; bits += 1) {
  PAIRS.push(ALPHABET.charAt(bits >> 6) + ALPHABET.charAt(bits & 63))
  DIGITS.push(bits.toString(16).padStart(3, '0'))
}
/** What a character of the alphabet stands for, by its code. */
const VALUES: readonly number[] = Array.from({ length: 128 }, (_, code) => ALPHABET.indexOf(String.fromCharCode(code)))
const value = (short: string, at: number): number => VALUES[short.charCodeAt(at)] ?? -1

/** A prefix, the byte with the shard, and 32 digits. */
const START = 5
const LENGTH = 37

const nibble = (id: string, at: number): number => {
  const code = id.charCodeAt(at)
  return code < 0x3a ? code - 0x30 : code - 0x57
}

/** The 22 characters that stand for an id within its shard. Several of them are made for each exchange. */
export function shortId(id: string): string {
  if (id.length !== LENGTH) throw new TypeError('not an id of ours')
  let short = ''
  for (let at = START; at < LENGTH - 2; at += 3) {
    short += PAIRS[(nibble(id, at) << 8) | (nibble(id, at + 1) << 4) | nibble(id, at + 2)] ?? ''
  }
  short += PAIRS[(nibble(id, LENGTH - 2) << 8) | (nibble(id, LENGTH - 1) << 4)] ?? ''
  if (short.length !== 22) throw new TypeError('not an id of ours')
  return short
}

/** The 32 hex digits that 22 characters stand for. */
export function longDigits(short: string): string {
  let digits = ''
  for (let at = 0; at < 22; at += 2) digits += DIGITS[(value(short, at) << 6) | value(short, at + 1)] ?? ''
  if (digits.length !== 33 || short.length !== 22) throw new TypeError('not a short id')
  return digits.slice(0, 32)
}
