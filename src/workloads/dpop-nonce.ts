import { createHmac, type KeyObject } from 'node:crypto'
import type { Clock, EpochSeconds } from '../runtime/clock.js'

/**
 * Nonces for DPoP proofs (RFC 9449 §8) without any memory: a MAC over the number of the time window, by a key that every
 * instance derives from the same encryption key. So a nonce of one instance is good at all of them, and after a restart.
 */
export interface DpopNonces {
  /** What the next proof must carry. */
  current(): string
  /** That of the current window and of the one before: whoever was just given one has time to use it. */
  accepts(nonce: string): boolean
}

/** Seconds. A nonce is good for one to two windows. */
export const NONCE_WINDOW = 180

export function createDpopNonces({ key, clock }: { readonly key: KeyObject; readonly clock: Clock }): DpopNonces {
  let known = { window: -1, nonce: '', before: '' }
  const at = (now: EpochSeconds): typeof known => {
    const window = Math.floor(now / NONCE_WINDOW)
    if (window !== known.window) known = { window, nonce: nonceOf(key, window), before: nonceOf(key, window - 1) }
    return known
  }
  return {
    current: () => at(clock.now()).nonce,
    accepts(nonce) {
      const { nonce: current, before } = at(clock.now())
      return nonce === current || nonce === before
    },
  }
}

/** 132 bits: nobody guesses the next one. It is no secret once it is given out, so it needs no comparison in constant time. */
const NONCE_CHARACTERS = 22

const nonceOf = (key: KeyObject, window: number): string =>
  createHmac('sha256', key).update(`dpop-nonce ${window}`).digest('base64url').slice(0, NONCE_CHARACTERS)
