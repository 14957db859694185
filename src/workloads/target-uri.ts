/**
 * `htu` of a DPoP proof names the request without query and fragment, and is compared after the normalization of RFC 3986
 * §6.2.2 and §6.2.3 (RFC 9449 §4.3): case of scheme, host and escapes, default ports, dot segments, needless escapes.
 */
export function comparableTarget(uri: string): string | undefined {
  // The URL parser repairs what is no URI: it drops line breaks and takes a backslash for a slash.
  if (!URI_CHARACTERS.test(uri) || !URL.canParse(uri)) return undefined
  const { protocol, username, password, host, pathname } = new URL(uri)
  if (protocol !== 'https:' && protocol !== 'http:') return undefined
  if (username !== '' || password !== '') return undefined
  return `${protocol}//${host}${pathname.replaceAll(ESCAPE, normalEscape)}`
}

/** RFC 3986 §2.2 and §2.3, and `%`. */
const URI_CHARACTERS = /^[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]{1,2048}$/
const ESCAPE = /%[0-9A-Fa-f]{2}/g
const UNRESERVED = /^[A-Za-z0-9\-._~]$/

function normalEscape(escape: string): string {
  const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
  return UNRESERVED.test(character) ? character : escape.toUpperCase()
}
