import type { CryptoKey, JWK } from 'jose'
import { exportJWK, generateKeyPair } from 'jose'
import { ok, refuse } from '../../src/runtime/result.js'
import type { IssuerKeys } from '../../src/workloads/issuer-keys.js'
import { parseKeySet } from '../../src/workloads/key-set.js'
import { signCompact } from './issuer.js'

/** An issuer without a server: it signs, and its keys are at hand. For tests that need no network. */
export interface OfflineIssuer {
  readonly url: string
  readonly jwks: { readonly keys: readonly JWK[] }
  readonly keys: IssuerKeys
  privateKey(alg: string): CryptoKey
  /** `iss` is added; nothing else is. */
  sign(claims: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>): Promise<string>
  /** A payload as it stands, whatever it is. */
  signText(payload: string): Promise<string>
}

export async function createOfflineIssuer(
  url: string,
  algorithms: readonly string[] = ['ES256'],
): Promise<OfflineIssuer> {
  const pairs = new Map<string, CryptoKey>()
  const published: JWK[] = []
  for (const alg of algorithms) {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
    pairs.set(alg, privateKey)
    published.push({ ...(await exportJWK(publicKey)), kid: `kid-${alg}`, alg, use: 'sig' })
  }
  const set = parseKeySet({ keys: published })
  const first = algorithms[0] ?? 'ES256'
  const privateKey = (alg: string): CryptoKey => {
    const key = pairs.get(alg)
    if (key === undefined) throw new Error(`no key for ${alg}`)
    return key
  }
  return {
    url,
    jwks: { keys: published },
    keys: {
      find: (_source, alg, kid) => {
        const key = set?.find(alg, kid)
        return Promise.resolve(key === undefined ? refuse('key_unknown' as const) : ok(key))
      },
      roots: () => Promise.resolve(ok([])),
      refreshDue: () => Promise.resolve(),
      ages: () => [],
    },
    privateKey,
    sign: (claims, header = {}) => {
      const alg = typeof header['alg'] === 'string' ? header['alg'] : first
      const protectedHeader = { alg, typ: 'JWT', kid: `kid-${alg}`, ...header }
      return signCompact({ iss: url, ...claims }, protectedHeader, privateKey(alg))
    },
    signText: (payload) => signCompact(payload, { alg: first, kid: `kid-${first}` }, privateKey(first)),
  }
}
