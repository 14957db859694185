import { isDeferralCode } from '../oauth/token-request.js'
import { authenticateClient } from '../exchange/authenticate-client.js'
import { ticketClaim } from '../exchange/ticket-claim.js'
import { changeTo } from '../grants/end-grant.js'
import { parseCredentialDocument } from '../grants/documents.js'
import type { GrantDeps } from '../grants/grant-deps.js'
import { storedAsOf } from '../grants/lifecycle.js'
import { reviseGrant } from '../grants/revise-grant.js'
import { claimProof } from '../grants/proof-claim.js'
import { holderByKeys, holderOf } from '../grants/whereabouts.js'
import type { DeferralStore } from '../grants/deferral-store.js'
import type { Authority } from '../issuance/authority.js'
import type { TicketClaims, Tokens } from '../issuance/jwt.js'
import { isCertificatePem, readOwnCertificate, type OwnCertificate } from '../issuance/own-certificate.js'
import type { EpochSeconds } from '../runtime/clock.js'
import { sha256Base64url } from '../runtime/digest.js'
import { shardOf, shardOfDeferralCode, type Shard } from '../runtime/ids.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { keyNotProved } from '../exchange/required-binding.js'
import type { ExchangeRefusal } from '../exchange/refusal.js'
import { keyNames, provesConfirmation, type ProofOfPossession } from '../workloads/possession.js'
import type { VerifyWorkload } from '../workloads/verify-workload.js'

export interface RevokeDeps extends GrantDeps {
  readonly deferrals: DeferralStore
  readonly tokens: Tokens
  readonly verifyWorkload: VerifyWorkload
  readonly authorities: () => readonly Authority[]
}

export interface RevokeRequest {
  readonly token: string
  readonly clientAssertion: string | undefined
  readonly clientId: string | undefined
  /** The keys that were proved with it. */
  readonly proof: ProofOfPossession
}

/**
 * RFC 7009: whoever holds a token may end it, and of one that is bound whoever proves its key. A credential ends with everything
 * handed on from it; a ticket is used up; a deferral code is cancelled by whom it was given to. What is unknown or has ended is
 * answered alike (§2.2).
 */
export async function revokeToken(deps: RevokeDeps, request: RevokeRequest): Promise<Result<'done', ExchangeRefusal>> {
  if (isDeferralCode(request.token)) return cancelDeferral(deps, request)
  if (isCertificatePem(request.token)) return revokeCertificate(deps, request)
  const now = deps.clock.now()
  switch (deps.tokens.typOf(request.token)) {
    case 'at+jwt': {
      const verified = await deps.tokens.verifyOwnToken(request.token, 'at+jwt', now)
      if (!verified.ok) return ok('done')
      const { jti, grant_id, task_id, client_id, aud, cnf } = verified.value
      if (cnf !== undefined) {
        if (!provesConfirmation(cnf, request.proof)) return refuse(keyNotProved(cnf))
        if ((await claimProof(deps.stores.issuance, request.proof, now)) === 'used')
          return refuse({ reason: 'proof_used' })
      }
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

/**
 * Everybody who met a certificate has it, on the wire too (RFC 8446 §4.4 alone hides it): so it takes its key, by mutual TLS, or
 * an assertion of the run that it was issued to.
 */
async function revokeCertificate(deps: RevokeDeps, request: RevokeRequest): Promise<Result<'done', ExchangeRefusal>> {
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
): Promise<Result<'done', ExchangeRefusal>> {
  if (proof.certificate?.x5tS256 === own.x5tS256) return ok('done')
  if (clientAssertion === undefined) return refuse({ reason: 'certificate_not_proved' })
  const client = await authenticateClient(deps, clientAssertion, clientId)
  if (!client.ok) return client
  return holderOf(client.value, []) === holder
    ? ok('done')
    : refuse({ reason: 'client_refused', because: { reason: 'client_is_not_the_holder' } })
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

/**
 * Deferred Token Response, "Cancellation": authenticated as a poll is, with each proof of the first request. With its last code, a
 * request that nobody waits for is withdrawn.
 */
async function cancelDeferral(deps: RevokeDeps, request: RevokeRequest): Promise<Result<'done', ExchangeRefusal>> {
  const canceller = await identifyCanceller(deps, request)
  if (!canceller.ok) return canceller
  const { shard, holder, workload } = canceller.value
  const now = deps.clock.now()
  const event = deps.describe(shard, 'deferral.cancelled', now, workload === undefined ? {} : { workload })
  const cancelled = await deps.deferrals.cancel(shard, sha256Base64url(request.token), holder, [event])
  if (cancelled.kind === 'cancelled' && cancelled.others === 0)
    await reviseGrant<{ readonly reason: 'not_pending' }>(deps, cancelled.grant.id, (opened) =>
      storedAsOf(opened, now).status === 'pending'
        ? ok(
            changeTo(deps, opened.grant, 'withdrawn', {
              by: workload ?? opened.grant.terms.requested_by.id,
              kind: 'workload',
            }),
          )
        : refuse({ reason: 'not_pending' }),
    )
  return ok('done')
}

interface Canceller {
  readonly shard: Shard
  readonly holder: string
  /** The SPIFFE id; `undefined` where keys alone say who it is. */
  readonly workload: string | undefined
}

async function identifyCanceller(
  deps: RevokeDeps,
  { token, clientAssertion, clientId, proof }: RevokeRequest,
): Promise<Result<Canceller, ExchangeRefusal>> {
  const keys = keyNames(proof)
  if (clientAssertion === undefined)
    return keys.length === 0
      ? refuse({ reason: 'client_missing' })
      : ok({ shard: shardOfDeferralCode(token), holder: holderByKeys(keys), workload: undefined })
  const client = await authenticateClient(deps, clientAssertion, clientId)
  if (!client.ok) return client
  if ((await claimProof(deps.stores.issuance, proof, deps.clock.now())) === 'used')
    return refuse({ reason: 'proof_used' })
  const workload = client.value
  return ok({ shard: workload.shard, holder: holderOf(workload, keys), workload: workload.spiffeId })
}
