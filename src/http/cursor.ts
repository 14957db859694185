import type { TextMac } from '../issuance/mac.js'

/**
 * Cursors as clients are given them: the store's own, with a tag that says which list it is a place in. What we did not
 * make is refused, instead of being read as some other place; and no cursor serves for another list.
 */
export interface Cursors {
  seal(list: readonly string[], place: string): string
  /** The store's cursor; `undefined` for one that is not ours, or not of this list. */
  open(list: readonly string[], cursor: string): string | undefined
}

export function createCursors(mac: TextMac): Cursors {
  const textOf = (list: readonly string[], place: string): string => JSON.stringify(['cursor', ...list, place])
  return {
    seal: (list, place) => `${Buffer.from(place).toString('base64url')}.${mac.make(textOf(list, place))}`,
    open(list, cursor) {
      const [encoded = '', tag = '', ...rest] = cursor.split('.')
      const place = Buffer.from(encoded, 'base64url').toString('utf8')
      const canonical = rest.length === 0 && Buffer.from(place).toString('base64url') === encoded
      return canonical && mac.check(textOf(list, place), tag) ? place : undefined
    },
  }
}
