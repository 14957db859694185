import { isDeferralCode } from '../oauth/token-request.js'
import { authenticateClient } from '../exchange/authenticate-client.js'
import { ticketClaim } from '../exchange/ticket-claim.js'
import { changeTo } from '../grants/end-grant.js'
import type { GrantDeps } from '../grants/grant-deps.js'
import { storedAsOf } from '../grants/lifecycle.js'
import { reviseGrant } from '../grants/revise-grant.js'
import { holderOf } from '../grants/whereabouts.js'
import type { DeferralStore } from '../grants/deferral-store.js'
import type { TicketClaims, Tokens } from '../issuance/jwt.js'
import type { EpochSeconds } from '../runtime/clock.js'
import { sha256Base64url } from '../runtime/digest.js'
import { shardOf } from '../runtime/ids.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import type { ExchangeRefusal } from '../exchange/refusal.js'
import type { VerifyWorkload } from '../workloads/verify-workload.js'

export interface RevokeDeps extends GrantDeps {
  readonly deferrals: DeferralStore
  readonly tokens: Tokens
  readonly verifyWorkload: VerifyWorkload
}

export interface RevokeRequest {
  readonly token: string
  readonly clientAssertion: string | undefined
  readonly clientId: string | undefined
}

/**
 * RFC 7009: whoever holds a token may end it. A credential ends with everything handed on from it; a ticket is used up; a
 * deferral code is cancelled by whom it was given to. What is unknown or has ended is answered alike (§2.2).
 */
export async function revokeToken(deps: RevokeDeps, request: RevokeRequest): Promise<Result<'done', ExchangeRefusal>> {
  if (isDeferralCode(request.token)) return cancelDeferral(deps, request)
  const now = deps.clock.now()
  switch (deps.tokens.typOf(request.token)) {
    case 'at+jwt': {
      const verified = await deps.tokens.verifyOwnToken(request.token, 'at+jwt', now)
      if (!verified.ok) return ok('done')
      const { jti, grant_id, task_id, client_id, aud } = verified.value
      const subject = { grantId: grant_id, taskId: task_id, credentialId: jti, workload: client_id, audience: aud }
      const event = deps.describe(shardOf(jti), 'credential.revoked', now, subject, { by: 'holder' })
      await deps.stores.issuance.endCredential(jti, 'revoked', now, [event])
      return ok('done')
    }
    case 'errand-ticket+jwt': {
      const verified = await deps.tokens.verifyOwnToken(request.token, 'errand-ticket+jwt', now)
      if (!verified.ok) return ok('done')
      await revokeTicket(deps, verified.value, now)
      return ok('done')
    }
    case undefined:
      return ok('done')
  }
}

/** Used up like one that was redeemed; whoever is first says what became of it. */
async function revokeTicket(deps: RevokeDeps, ticket: TicketClaims, now: EpochSeconds): Promise<void> {
  const { jti, grant_id, task_id, parent_id, act, target } = ticket
  const shard = shardOf(jti)
  if ((await deps.stores.issuance.claim(shard, ticketClaim(ticket), now)) === 'taken') return
  const subject = { grantId: grant_id, taskId: task_id, parentId: parent_id, workload: act.sub, audience: target }
  await deps.stores.evidence.append([
    deps.describe(shard, 'ticket.revoked', now, subject, { ticket: jti, by: 'holder' }),
  ])
}

/** Deferred Token Response, "Cancellation": authenticated as a poll is. With its last code, a request that nobody waits for is withdrawn. */
async function cancelDeferral(deps: RevokeDeps, request: RevokeRequest): Promise<Result<'done', ExchangeRefusal>> {
  if (request.clientAssertion === undefined) return refuse({ reason: 'client_missing' })
  const client = await authenticateClient(deps, request.clientAssertion, request.clientId)
  if (!client.ok) return client
  const workload = client.value
  const now = deps.clock.now()
  const event = deps.describe(workload.shard, 'deferral.cancelled', now, { workload: workload.spiffeId })
  const hash = sha256Base64url(request.token)
  const cancelled = await deps.deferrals.cancel(workload.shard, hash, holderOf(workload, []), [event])
  if (cancelled.kind === 'cancelled' && cancelled.others === 0)
    await reviseGrant<{ readonly reason: 'not_pending' }>(deps, cancelled.grant.id, (opened) =>
      storedAsOf(opened, now).status === 'pending'
        ? ok(changeTo(deps, opened.grant, 'withdrawn', { by: workload.spiffeId, kind: 'workload' }))
        : refuse({ reason: 'not_pending' }),
    )
  return ok('done')
}
