import { claimProof } from '../grants/proof-claim.js'
import { ticketClaim } from '../grants/ticket-claim.js'
import { isCertificatePem } from '../issuance/own-certificate.js'
import { isDeferralCode } from '../oauth/token-request.js'
import type { EpochSeconds } from '../runtime/clock.js'
import { shardOf } from '../runtime/ids.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { keyNotProved, type ClientRefusal } from '../workloads/client-refusal.js'
import { provesConfirmation } from '../workloads/possession.js'
import { cancelDeferral } from './cancel-deferral.js'
import { revokeCertificate } from './revoke-certificate.js'
import type { RevokeDeps, RevokeRequest } from './revoke-request.js'

/**
 * RFC 7009: whoever holds a token may end it, and of one that is bound whoever proves its key. A credential
 * ends with everything handed on from it; a ticket is used up; a deferral code is cancelled by whom it was
 * given to. What is unknown or has ended is answered alike (§2.2).
 */
export async function revokeToken(deps: RevokeDeps, request: RevokeRequest): Promise<Result<'done', ClientRefusal>> {
  if (isDeferralCode(request.token)) return cancelDeferral(deps, request)
  if (isCertificatePem(request.token)) return revokeCertificate(deps, request)
  const now = deps.clock.now()
  switch (deps.tokens.typOf(request.token)) {
    case 'at+jwt':
      return revokeAccessToken(deps, request, now)
    case 'errand-ticket+jwt':
      return revokeTicket(deps, request.token, now)
    case undefined:
      return ok('done')
  }
}

async function revokeAccessToken(
  deps: RevokeDeps,
  { token, proof }: RevokeRequest,
  now: EpochSeconds,
): Promise<Result<'done', ClientRefusal>> {
  const verified = await deps.tokens.verifyOwnToken(token, 'at+jwt', now)
  if (!verified.ok) return ok('done')
  const { jti, grant_id, task_id, client_id, aud, cnf } = verified.value
  if (cnf !== undefined && !provesConfirmation(cnf, proof)) return refuse(keyNotProved(cnf))
  // Each proof that is claimed is a record: not so for whoever only
  // has the token, who cannot make its workload wait either.
  const wait = cnf === undefined ? undefined : deps.admit({ spiffeId: client_id })
  if (wait !== undefined) return refuse({ reason: 'too_fast', retryAfter: wait })
  if (cnf !== undefined && (await claimProof(deps.stores.issuance, proof, now)) === 'used')
    return refuse({ reason: 'proof_used' })
  const subject = { grantId: grant_id, taskId: task_id, credentialId: jti, workload: client_id, audience: aud }
  const event = deps.describe(shardOf(jti), 'credential.revoked', now, subject, { by: 'holder' })
  await deps.stores.issuance.endCredential(jti, 'revoked', now, [event])
  return ok('done')
}

/** Used up like one that was redeemed; whoever is first says what became of it. */
async function revokeTicket(deps: RevokeDeps, token: string, now: EpochSeconds): Promise<Result<'done', never>> {
  const verified = await deps.tokens.verifyOwnToken(token, 'errand-ticket+jwt', now)
  if (!verified.ok) return ok('done')
  const { jti, grant_id, task_id, parent_id, act, target } = verified.value
  const shard = shardOf(jti)
  if ((await deps.stores.issuance.claim(shard, ticketClaim(verified.value), now)) === 'taken') return ok('done')
  const subject = { grantId: grant_id, taskId: task_id, parentId: parent_id, workload: act.sub, audience: target }
  await deps.stores.evidence.append([
    deps.describe(shard, 'ticket.revoked', now, subject, { ticket: jti, by: 'holder' }),
  ])
  return ok('done')
}
