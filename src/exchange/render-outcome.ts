import { TOKEN_TYPE } from '../oauth/urns.js'
import { errorAnswer, okAnswer, type OAuthAnswer } from '../oauth/token-response.js'
import type { AuthorizationDetail } from '../grants/grant.js'
import type { Outcome } from './outcome.js'
import { refusalToWire } from './refusal-to-wire.js'

/** The answer of `/token` (RFC 8693 §2.2, Deferred Token Response; contract §1, "Answer"). */
export function renderOutcome(outcome: Outcome): OAuthAnswer {
  switch (outcome.kind) {
    case 'issued':
      return okAnswer({
        access_token: outcome.token,
        issued_token_type: outcome.issuedTokenType,
        token_type: outcome.tokenType,
        expires_in: outcome.expiresIn,
        ...accessOf(outcome),
        grant_id: outcome.grantId,
        task_id: outcome.taskId,
        lease_seconds: outcome.leaseSeconds,
      })
    case 'ticketed':
      return okAnswer({
        access_token: outcome.ticket,
        issued_token_type: TOKEN_TYPE.ticket,
        token_type: 'N_A',
        expires_in: outcome.expiresIn,
        ...accessOf(outcome),
        grant_id: outcome.grantId,
        task_id: outcome.taskId,
      })
    case 'deferred':
      return errorAnswer({
        error: 'authorization_pending',
        description: 'people have been asked: poll with the deferral_code',
        members: {
          deferral_code: outcome.deferralCode,
          expires_in: outcome.expiresIn,
          interval: outcome.interval,
          grant_id: outcome.grantId,
        },
      })
    case 'pending':
      return errorAnswer({ error: 'authorization_pending', description: 'nobody has decided yet' })
    case 'refused':
      return errorAnswer(refusalToWire(outcome.refusal))
  }
}

const accessOf = (access: {
  scope: string
  authorizationDetails: readonly AuthorizationDetail[]
}): Record<string, unknown> => ({
  ...(access.scope === '' ? {} : { scope: access.scope }),
  ...(access.authorizationDetails.length === 0 ? {} : { authorization_details: access.authorizationDetails }),
})
