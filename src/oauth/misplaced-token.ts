/** The beginning of a signed token (RFC 7515 §7.1: its header is a JSON object), or a deferral code of ours. */
const TOKEN = /eyJ[\w-]{8,}\.|dc_[\w-]{43}/

/**
 * Whether a text that will be shown, recorded or told apart holds a token. Such a text is refused: whoever put it there
 * made a mistake, and what is refused is not written down (invariant 10).
 */
export const holdsToken = (text: string): boolean => TOKEN.test(text)
