import type { ResourceClient } from '../policy/catalogue.js'
import { isStrongKey } from '../runtime/strong-key.js'
import { holdsSecret, MAX_KEYS } from '../workloads/key-set.js'
import type { ClientEntry } from './document.js'
import type { Draft } from './draft.js'
import type { Path } from './fault.js'
import { publicKeyOf, type Desk } from './files.js'

type ClientAuth = ResourceClient['auth']
type Jwk = Readonly<Record<string, unknown>>

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
        const auth = settleAuth(entry, path, draft, desk)
        return auth === undefined ? [] : [{ id: entry.id, audience: resource?.audience ?? '', auth }]
      })
      return [at, clients]
    }),
  )
}

function settleAuth(entry: ClientEntry, at: Path, draft: Draft, desk: Desk): ClientAuth | undefined {
  switch (entry.auth) {
    case 'client_secret_basic':
      return { method: 'client_secret_basic', secretSha256: entry.secret_sha256 }
    case 'private_key_jwt': {
      const keys = readJwks(entry.jwks_file, [...at, 'jwks_file'], desk)
      return keys === undefined ? undefined : { method: 'private_key_jwt', jwks: { keys } }
    }
    case 'mtls':
      return settleCertificate(entry, at, draft, desk)
  }
}

function settleCertificate(
  entry: Extract<ClientEntry, { auth: 'mtls' }>,
  at: Path,
  draft: Draft,
  desk: Desk,
): ClientAuth | undefined {
  const { certificate_sha256: sha256, san_uri: uri, san_dns: dns } = entry
  const listeners = draft.listen.filter((listener) => listener?.serve.includes('mtls') === true)
  if (listeners.length === 0) {
    desk.report([...at, 'auth'], 'asks for a certificate that no listener takes', 'add a listener with serve: [mtls]')
    return undefined
  }
  if ([sha256, uri, dns].filter((way) => way !== undefined).length !== 1) {
    desk.report(at, 'does not say which certificate it is', 'one of certificate_sha256, san_uri and san_dns')
    return undefined
  }
  if (sha256 !== undefined) return { method: 'mtls', certificate: { sha256 } }
  // Anybody can write any name into a certificate; only a chain that was verified here says more.
  if (!listeners.some((listener) => listener?.tls?.client_ca_file !== undefined)) {
    const remedy = 'name the CA in client_ca_file of the listener with mtls, or the certificate by certificate_sha256'
    desk.report([...at, uri === undefined ? 'san_dns' : 'san_uri'], 'is believed of nobody', remedy)
    return undefined
  }
  return { method: 'mtls', certificate: { subjectAltName: uri === undefined ? `DNS:${dns ?? ''}` : `URI:${uri}` } }
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
      'public signing keys only: EC on P-256, P-384 or P-521, Ed25519, or RSA of 2048 to 8192 bits with a usual exponent',
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
  if (holdsSecret(key)) return 'holds a private or symmetric key'
  if (key['use'] !== undefined && key['use'] !== 'sig') return 'holds a key that is not for signatures'
  const parsed = publicKeyOf(key)
  if (parsed === undefined) return 'holds a key that cannot be read'
  if (isStrongKey(parsed)) return undefined
  return parsed.asymmetricKeyType === 'rsa'
    ? 'holds a weak RSA key, or one that costs too much'
    : 'holds a key on another curve'
}
