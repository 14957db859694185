import type { Clock } from '../runtime/clock.js'
import { sha256Base64url } from '../runtime/digest.js'
import { refuse, type Result } from '../runtime/result.js'
import { parseCertificate, type ParsedCertificate } from '../x509/certificate.js'
import { OIDS } from '../x509/oids.js'
import { validatePath } from '../x509/path-validation.js'
import type { AssertionRefusal } from './assertion-refusal.js'
import { claimRefusal } from './assertion-refusal.js'
import { factsOf } from './certificate-facts.js'
import type { ClientCertificate } from './client-certificate.js'
import { compileSource, toWorkload, type CompiledSource } from './compiled-source.js'
import type { IssuerKeys } from './issuer-keys.js'
import type { WorkloadSource } from './source.js'
import { parseSpiffeId } from './spiffe-uri.js'
import type { Workload } from './workload.js'

/** Proves who is asking by the X.509-SVID of the connection, whose key the TLS handshake has proved. */
export type VerifySvid = (certificate: ClientCertificate) => Promise<Result<Workload, AssertionRefusal>>

export interface SvidVerifierDeps {
  readonly sources: readonly WorkloadSource[]
  readonly trustDomain: string
  readonly clock: Clock
  readonly keys: Pick<IssuerKeys, 'roots'>
}

/** A leaf that says nothing of purposes is for all of them; one that does says that it is for clients (X509-SVID §4.4). */
const PURPOSE = { extendedKeyUsage: OIDS.clientAuth, stated: false }

/**
 * X509-SVID §5: the path by RFC 5280, to the authorities of the very trust domain that the certificate names, and then the
 * leaf. What the listener thinks of the certificate does not count: its CAs may be others.
 */
export function createSvidVerifier(deps: SvidVerifierDeps): VerifySvid {
  const sources = new Map<string, CompiledSource>()
  for (const source of deps.sources)
    if (source.trustDomain !== undefined) sources.set(source.trustDomain, compileSource(source, deps))
  return async ({ chain }) => {
    const leaf = parseCertificate(chain[0])
    if (!leaf.ok) return refuse({ reason: 'assertion_malformed', detail: leaf.refusal })
    const id = idOf(leaf.value)
    const trustDomain = id === undefined ? undefined : parseSpiffeId(id)?.trustDomain
    if (id === undefined || trustDomain === undefined)
      return refuse({ reason: 'assertion_malformed', detail: 'the certificate names no single workload' })
    const compiled = sources.get(trustDomain)
    if (compiled === undefined) return refuse({ reason: 'assertion_issuer_unknown', issuer: `spiffe://${trustDomain}` })
    const { issuer } = compiled.source
    const roots = await deps.keys.roots(compiled.source)
    if (!roots.ok) return refuse({ reason: `assertion_${roots.refusal}`, issuer })
    const path = validatePath(chain, { anchors: roots.value, now: deps.clock.now(), purpose: PURPOSE })
    const because = path.ok ? leafFault(path.value.leaf) : path.refusal.reason
    if (!path.ok || because !== undefined)
      return refuse({ reason: 'assertion_certificate_not_accepted', issuer, because: because ?? 'unknown' })
    const certificate = factsOf(path.value.leaf)
    const workload = toWorkload(compiled, {
      subject: id,
      claims: { sub: id, certificate },
      assertion: {
        key: sha256Base64url(JSON.stringify([issuer, 'x5t#S256', certificate['sha256']])),
        expiresAt: path.value.expiresAt,
        // A handshake is proved anew by each connection: there is nothing to spend.
        reuse: 'until_expiry',
      },
    })
    return workload.ok ? workload : refuse(claimRefusal(issuer, workload.refusal))
  }
}

/** §2 and §5.2: exactly one URI, which is the id of a workload and not that of a trust domain. */
function idOf({ subjectAltNames }: ParsedCertificate): string | undefined {
  const [name, ...others] = subjectAltNames.filter(({ form }) => form === 'uri')
  if (name === undefined || !('text' in name) || others.length > 0) return undefined
  return (parseSpiffeId(name.text)?.path ?? '') === '' ? undefined : name.text
}

/** §4.3 and §5.2; that it is no CA and may sign was looked at with the path. */
function leafFault({ keyUsage }: ParsedCertificate): string | undefined {
  return keyUsage?.has('digitalSignature') === true && !keyUsage.has('cRLSign') ? undefined : 'certificate_key_usage'
}
