/**
 * Ids as they stand in key and member names: their 16 random bytes in 22 characters in place of 32 hex digits. The shard
 * is in the key's hash tag. The alphabet is base64url's in the order of ASCII, so short ids sort as the ids do: deadlines
 * of the same second are handed out in the order of their ids by any store.
 */
const ALPHABET = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz'

/** Three hex digits are two characters. */
const PAIRS = new Map<string, string>()
const TRIPLES = new Map<string, string>()
for (let bits = 0; bits < 4096; bits += 1) {
  const pair = ALPHABET.charAt(bits >> 6) + ALPHABET.charAt(bits & 63)
  const triple = bits.toString(16).padStart(3, '0')
  PAIRS.set(triple, pair)
  TRIPLES.set(pair, triple)
}

const ID_START = 5
const ID_LENGTH = 37

/** The 22 characters that stand for an id within its shard. */
export function shortId(id: string): string {
  let short = ''
  for (let at = ID_START; at < ID_LENGTH; at += 3) short += PAIRS.get(id.slice(at, at + 3).padEnd(3, '0')) ?? ''
  if (short.length !== 22 || id.length !== ID_LENGTH) throw new TypeError('not an id of ours')
  return short
}

/** The 32 hex digits that 22 characters stand for. */
export function longDigits(short: string): string {
  let digits = ''
  for (let at = 0; at < 22; at += 2) digits += TRIPLES.get(short.slice(at, at + 2)) ?? ''
  if (digits.length !== 33 || short.length !== 22) throw new TypeError('not a short id')
  return digits.slice(0, 32)
}
