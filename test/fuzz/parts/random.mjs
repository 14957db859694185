// @ts-check

/**
 * Numbers that look random and are the same for the same seed (xorshift, 32 bits).
 * @typedef {object} Random
 * @property {(below: number) => number} int 0 to `below` - 1
 * @property {<T>(from: readonly T[]) => T} pick
 * @property {(length: number) => Buffer} bytes
 */

/**
 * @param {number} seed
 * @param {number} index of the input: each has its own numbers, so one can be made again without those before it
 * @returns {Random}
 */
export function randomOf(seed, index) {
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)) >>> 0 || 1
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state
  }
  // The first numbers of neighbours are alike.
  for (let at = 0; at < 8; at++) next()
  const int = (/** @type {number} */ below) => next() % below
  return {
    int,
    pick: (from) => {
      const chosen = from[int(from.length)]
      if (chosen === undefined) throw new Error('nothing to pick from')
      return chosen
    },
    bytes: (length) => Buffer.from(Array.from({ length }, () => int(256))),
  }
}
