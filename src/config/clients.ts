import type { ResourceClient } from '../policy/catalogue.js'
import type { ClientEntry } from './document.js'
import type { Draft } from './draft.js'
import type { Path } from './fault.js'
import { publicKeyOf, type Desk } from './files.js'

type ClientAuth = ResourceClient['auth']
type Jwk = Readonly<Record<string, unknown>>

const MIN_RSA_BITS = 2048
const MAX_KEYS = 100
/** RFC 7518 §6: members of private and of symmetric keys. */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const CURVES = new Set(['P-256', 'P-384', 'P-521', 'Ed25519'])

/** The resource servers of each resource, by its place. One id may stand at several audiences, with the same proof. */
export function settleClients(draft: Draft, desk: Desk): ReadonlyMap<number, readonly ResourceClient[]> {
  const proofs = new Map<string, string>()
  return new Map(
    draft.resources.map((resource, at) => {
      const ids = new Set<string>()
      const clients = (resource?.clients ?? []).flatMap((entry, position) => {
        const path = ['resources', at, 'clients', position]
        if (ids.has(entry.id)) desk.report([...path, 'id'], 'stands here twice', 'take another id')
        ids.add(entry.id)
        const proof = JSON.stringify(entry)
        if ((proofs.get(entry.id) ?? proof) !== proof) {
          desk.report(path, 'proves itself otherwise at another audience', 'one id has one proof everywhere')
        }
        proofs.set(entry.id, proof)
        const auth = settleAuth(entry, path, desk)
        return auth === undefined ? [] : [{ id: entry.id, audience: resource?.audience ?? '', auth }]
      })
      return [at, clients]
    }),
  )
}

function settleAuth(entry: ClientEntry, at: Path, desk: Desk): ClientAuth | undefined {
  switch (entry.auth) {
    case 'client_secret_basic':
      return { method: 'client_secret_basic', secretSha256: entry.secret_sha256 }
    case 'private_key_jwt': {
      const keys = readJwks(entry.jwks_file, [...at, 'jwks_file'], desk)
      return keys === undefined ? undefined : { method: 'private_key_jwt', jwks: { keys } }
    }
    case 'mtls':
      // `unsupported.ts` reports it.
      return undefined
  }
}

function readJwks(file: string, at: Path, desk: Desk): readonly Jwk[] | undefined {
  const bytes = desk.read(at, file)
  if (bytes === undefined) return undefined
  const keys = parseKeys(bytes)
  if (keys === undefined) {
    desk.report(at, 'is not a JWK Set', 'write { "keys": [ … ] } with at least one public key (RFC 7517 §5)')
    return undefined
  }
  const complaints = keys.map(complainOfKey).filter((complaint) => complaint !== undefined)
  const kids = keys.map((key) => key['kid'])
  if (keys.length > 1 && new Set(kids).size < keys.length) complaints.push('has keys without a kid of their own')
  if (complaints.length === 0) return keys
  for (const complaint of new Set(complaints)) {
    desk.report(
      at,
      complaint,
      'public signing keys only: EC on P-256, P-384 or P-521, Ed25519, or RSA of at least 2048 bits',
    )
  }
  return undefined
}

function parseKeys(bytes: Buffer): readonly Jwk[] | undefined {
  try {
    const parsed = JSON.parse(bytes.toString('utf8')) as unknown
    if (typeof parsed !== 'object' || parsed === null || !('keys' in parsed) || !Array.isArray(parsed.keys))
      return undefined
    const keys: readonly unknown[] = parsed.keys
    const sound = keys.every((key): key is Jwk => typeof key === 'object' && key !== null && !Array.isArray(key))
    return sound && keys.length > 0 && keys.length <= MAX_KEYS ? keys : undefined
  } catch {
    return undefined
  }
}

function complainOfKey(key: Jwk): string | undefined {
  if (SECRET_MEMBERS.some((member) => Object.hasOwn(key, member))) return 'holds a private or symmetric key'
  if (key['use'] !== undefined && key['use'] !== 'sig') return 'holds a key that is not for signatures'
  const parsed = publicKeyOf(key)
  if (parsed === undefined) return 'holds a key that cannot be read'
  if (parsed.asymmetricKeyType === 'rsa') {
    const { modulusLength = 0, publicExponent = 0n } = parsed.asymmetricKeyDetails ?? {}
    return modulusLength < MIN_RSA_BITS || publicExponent < 65_537n ? 'holds a weak RSA key' : undefined
  }
  return typeof key['crv'] === 'string' && CURVES.has(key['crv']) ? undefined : 'holds a key on another curve'
}
