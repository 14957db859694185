import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto'

/**
 * HMAC-SHA256 over the text, base64url: 43 characters. With `macKey` it proves that Errand wrote a record
 * (invariant 8). The caller puts into the text what kind of record it is and which one, so that a MAC cannot be moved.
 */
export const mac = (key: KeyObject, text: string): string => createHmac('sha256', key).update(text).digest('base64url')

/** Makes and checks MACs by a key that is not in the store. */
export interface TextMac {
  readonly make: (text: string) => string
  readonly check: (text: string, tag: string) => boolean
}

export const textMac = (key: KeyObject): TextMac => ({
  make: (text) => mac(key, text),
  check: (text, tag) => checkMac(key, text, tag),
})

/** Whether `tag` is the MAC of the text, in time that does not depend on where they differ. */
export function checkMac(key: KeyObject, text: string, tag: string): boolean {
  const expected = Buffer.from(mac(key, text))
  const given = Buffer.from(tag)
  return expected.length === given.length && timingSafeEqual(expected, given)
}
