/** Monotonic milliseconds with fractions, for measuring how long something took. Never for deciding on expiry. */
export const monotonicMs = (): number => performance.now()
