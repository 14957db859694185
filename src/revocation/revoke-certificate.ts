import { parseCredentialDocument } from '../grants/documents.js'
import { holderOf } from '../grants/whereabouts.js'
import { readOwnCertificate, type OwnCertificate } from '../issuance/own-certificate.js'
import { shardOf } from '../runtime/ids.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { authenticateClient } from '../workloads/authenticate-client.js'
import type { ClientRefusal } from '../workloads/client-refusal.js'
import type { RevokeDeps, RevokeRequest } from './revoke-request.js'

/**
 * Everybody who met a certificate has it, on the wire too (RFC 8446 §4.4 alone hides it): so it takes its key, by
 * mutual TLS, or an assertion of the run that it was issued to.
 */
export async function revokeCertificate(
  deps: RevokeDeps,
  request: RevokeRequest,
): Promise<Result<'done', ClientRefusal>> {
  const now = deps.clock.now()
  const own = readOwnCertificate(request.token, deps.authorities())
  const standing = own === undefined ? undefined : await deps.stores.issuance.look(own.id, now)
  if (own === undefined || standing === undefined) return ok('done')
  const { credential } = standing
  const { holder, workload, audience } = parseCredentialDocument(credential.document)
  const proved = await mayRevoke(deps, request, own, holder)
  if (!proved.ok) return proved
  const subject = { grantId: credential.grantId, taskId: credential.taskId, credentialId: own.id, workload, audience }
  const event = deps.describe(shardOf(own.id), 'credential.revoked', now, subject, { by: 'holder' })
  await deps.stores.issuance.endCredential(own.id, 'revoked', now, [event])
  return ok('done')
}

async function mayRevoke(
  deps: RevokeDeps,
  { clientAssertion, clientId, proof }: RevokeRequest,
  own: OwnCertificate,
  holder: string,
): Promise<Result<'done', ClientRefusal>> {
  if (proof.certificate?.x5tS256 === own.x5tS256) return ok('done')
  if (clientAssertion === undefined) return refuse({ reason: 'certificate_not_proved' })
  const client = await authenticateClient(deps, clientAssertion, clientId)
  if (!client.ok) return client
  const wait = deps.admit(client.value)
  if (wait !== undefined) return refuse({ reason: 'too_fast', retryAfter: wait })
  return holderOf(client.value, []) === holder
    ? ok('done')
    : refuse({ reason: 'client_refused', because: { reason: 'client_is_not_the_holder' } })
}
