import type { JWK } from 'jose'

/** What a relying party sees of an issuer, and of one token that it was given. */
export interface Seen {
  readonly issuer: string
  readonly configuration: Readonly<Record<string, unknown>>
  readonly keys: readonly JWK[]
  readonly token: string
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
  /** What it was configured with. */
  readonly audience: string
  readonly subject: string
  /** Its own clock, seconds. */
  readonly now: number
}

/** Each rule of a relying party's documentation by what it says, true where it holds. */
export type Rules = (seen: Seen) => Readonly<Record<string, boolean>>

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
const bytesOf = (value: unknown): number => Buffer.byteLength(isText(value) ? value : '')
const among = (value: unknown, list: readonly string[]): boolean => isText(value) && list.includes(value)
const isHttps = (value: unknown): boolean => isText(value) && value.startsWith('https://') && !/[?#]/.test(value)
const lifetimeOf = ({ exp, iat }: Seen['claims']): number =>
  typeof exp === 'number' && typeof iat === 'number' ? exp - iat : Number.NaN
const keyOf = ({ keys, header }: Seen): JWK | undefined => keys.find(({ kid }) => kid === header['kid'])
const lists = (value: unknown, member: unknown): boolean => Array.isArray(value) && value.includes(member)

/** OpenID Connect Discovery 1.0 §3 and §4.3, and RFC 7517: what all of them begin with. */
export const discovery: Rules = (seen) => {
  const { issuer, configuration, header, keys } = seen
  const key = keyOf(seen)
  return {
    'issuer is equal, to the letter': configuration['issuer'] === issuer && seen.claims['iss'] === issuer,
    'jwks_uri is https, below the issuer':
      isHttps(configuration['jwks_uri']) && String(configuration['jwks_uri']).startsWith(`${issuer}/`),
    'authorization_endpoint and token_endpoint are there':
      isHttps(configuration['authorization_endpoint']) && isHttps(configuration['token_endpoint']),
    'response_types_supported has id_token': lists(configuration['response_types_supported'], 'id_token'),
    'subject_types_supported is public': lists(configuration['subject_types_supported'], 'public'),
    'the algorithm is announced': lists(configuration['id_token_signing_alg_values_supported'], header['alg']),
    'none is not announced': !lists(configuration['id_token_signing_alg_values_supported'], 'none'),
    'every claim that is read is announced': ['iss', 'sub', 'aud', 'exp', 'iat', 'scope', 'grant_id', 'task_id'].every(
      (claim) => lists(configuration['claims_supported'], claim),
    ),
    'the key is found by kid, once': keys.filter(({ kid }) => kid === header['kid']).length === 1,
    'the key is for this signature': key?.use === 'sig' && key.alg === header['alg'],
    'the key is of a kind that they know': key?.kty === 'RSA' || (key?.kty === 'EC' && key.crv === 'P-256'),
    'an RSA key has 2048 bits': key?.kty !== 'RSA' || Buffer.from(key.n ?? '', 'base64url').length >= 256,
    'nothing private is there': keys.every(
      (each) => !['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'].some((name) => name in each),
    ),
  }
}

/** "Create an OpenID Connect (OIDC) identity provider in IAM"; STS API reference, AssumeRoleWithWebIdentity. */
export const aws: Rules = ({ issuer, keys, token, header, claims, audience, subject }) => ({
  'the provider URL has no port and no query': isHttps(issuer) && new URL(issuer).port === '',
  'at least one key, at most 100 RSA and 100 EC':
    keys.length > 0 &&
    keys.filter(({ kty }) => kty === 'RSA').length <= 100 &&
    keys.filter(({ kty }) => kty === 'EC').length <= 100,
  'the algorithm is one of RSA or ECDSA': among(header['alg'], ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512']),
  'iat is there': Number.isInteger(claims['iat']),
  'aud is the client id': claims['aud'] === audience,
  'sub is equal, 6 to 255 characters': claims['sub'] === subject && subject.length >= 6 && subject.length <= 255,
  'the token has at most 20000 characters': token.length <= 20_000,
  'there is no azp, which would take the place of aud': !('azp' in claims),
})

/** Security Token Service, method `token`, `subjectToken`; workload identity pool providers, `attributeMapping`. */
export const google: Rules = ({ header, claims, audience, subject, now }) => ({
  'the algorithm is RS256 or ES256': among(header['alg'], ['RS256', 'ES256']),
  'kid is there': isText(header['kid']),
  'iss, sub and aud are there': isText(claims['iss']) && isText(claims['sub']) && isText(claims['aud']),
  'iat is in the past': typeof claims['iat'] === 'number' && claims['iat'] <= now,
  'it lives for less than 48 hours': lifetimeOf(claims) > 0 && lifetimeOf(claims) < 48 * 3600,
  'google.subject has at most 127 bytes': claims['sub'] === subject && bytesOf(claims['sub']) <= 127,
  'aud is an allowed one': claims['aud'] === audience,
})

/** "Important considerations and restrictions for federated identity credentials". */
export const azure: Rules = ({ issuer, header, claims, audience, subject }) => ({
  'the algorithm is RS256': header['alg'] === 'RS256',
  'issuer is equal, at most 600 characters':
    claims['iss'] === issuer && issuer.length <= 600 && issuer.trim() === issuer,
  'subject is equal, at most 600 characters': claims['sub'] === subject && subject.length <= 600,
  'audience is one, and equal': claims['aud'] === audience && audience.length <= 600,
})

/** "JWT/OIDC auth method (API)". */
export const vault: Rules = ({ header, claims, audience, subject }) => ({
  'the algorithm is in jwt_supported_algs': among(header['alg'], ['ES256']),
  'aud is bound': claims['aud'] === audience,
  'sub is bound': claims['sub'] === subject,
  'one of exp, iat and nbf is there': [claims['exp'], claims['iat'], claims['nbf']].some(Number.isInteger),
  'user_claim is a text': isText(claims['sub']),
  'what bound_claims and claim_mappings read are texts': ['scope', 'grant_id', 'task_id'].every((name) =>
    isText(claims[name]),
  ),
})

/** "Authenticating", section "Authentication configuration from a file". */
export const kubernetes: Rules = ({ issuer, header, claims, audience, now }) => ({
  'the issuer is https': isHttps(issuer),
  'the algorithm is asymmetric, of RFC 7518': /^(?:RS|ES|PS)(?:256|384|512)$/.test(String(header['alg'])),
  'aud is one of the audiences': claims['aud'] === audience,
  'exp is in the future': typeof claims['exp'] === 'number' && claims['exp'] > now,
  'username is a text, none of the system': isText(claims['sub']) && !claims['sub'].startsWith('system:'),
  'the rule on its life holds': lifetimeOf(claims) <= 900,
  'scope can be split': isText(claims['scope']) && claims['scope'].split(' ').includes('federate'),
  'uid and extra are texts': isText(claims['grant_id']) && isText(claims['task_id']),
})
