import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto'

/**
 * Makes and checks MACs by a key that is not in the store: HMAC-SHA256 over the text, base64url, 43 characters. They prove
 * that Errand wrote what comes back (invariant 8). The caller puts into the text what kind of thing it is and which one,
 * so that a MAC cannot be moved.
 */
export interface TextMac {
  readonly make: (text: string) => string
  /** In time that does not depend on where they differ. */
  readonly check: (text: string, tag: string) => boolean
}

export const textMac = (key: KeyObject): TextMac => {
  const make = (text: string): string => createHmac('sha256', key).update(text).digest('base64url')
  return {
    make,
    check(text, tag) {
      const expected = Buffer.from(make(text))
      const given = Buffer.from(tag)
      return expected.length === given.length && timingSafeEqual(expected, given)
    },
  }
}
