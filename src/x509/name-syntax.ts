/*
 * Names in certificates: what can stand in one at all, and within that the plain ones that may be asked for.
 */

/** RFC 5280 appendix A.1, ub-common-name: characters. */
const MAX_COMMON_NAME = 64
const UNREADABLE = /[\p{C}\p{Zl}\p{Zp}]/u

/** A text that can stand as a common name: none is cut, and none holds characters that hide others. */
export const isCommonName = (text: string): boolean =>
  text !== '' && text.trim() === text && [...text].length <= MAX_COMMON_NAME && !UNREADABLE.test(text)

const MAX_DNS_NAME = 253
const LABEL = /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/

/**
 * A name of one host (RFC 1123 §2.1, RFC 5280 §4.2.1.6), international ones in their ASCII form. A wildcard is none.
 */
export const isDnsName = (text: string): boolean =>
  text.length <= MAX_DNS_NAME && text.split('.').every((label) => LABEL.test(label))

/** Long enough for every database role; ASCII, so that what people approve is what it looks like. */
export const PLAIN_COMMON_NAME = /^[!-~](?:[ -~]{0,62}[!-~])?$/

/** Letters, digits and hyphens (RFC 1123 §2.1), lowercase, as DNS compares them; no wildcard, no IP address. */
export const PLAIN_DNS_NAME =
  /^(?=.{1,253}$)(?!(?:.*\.)?\d+$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
