import { z } from 'zod'
import { isOutage, refusalToWire } from '../../exchange/refusal-to-wire.js'
import { readForm } from '../../oauth/form.js'
import { NO_STORE } from '../../oauth/token-response.js'
import { CLIENT_ASSERTION_TYPE, MAX_TOKEN_BYTES } from '../../oauth/urns.js'
import type { RevokeDeps } from '../../revocation/revoke-request.js'
import { revokeToken } from '../../revocation/revoke-token.js'
import { proofRefusal, type ClientRefusal } from '../../workloads/client-refusal.js'
import type { VerifyPossession } from '../../workloads/verify-possession.js'
import type { HttpAnswer, RequestContext } from '../answer.js'
import { presentedToken } from '../callers.js'
import { oauthErrorAnswer, oauthErrorSchema } from '../errors.js'
import { formRoute, type Route } from '../route.js'

export interface RevokeEndpointDeps extends RevokeDeps {
  readonly verifyPossession: VerifyPossession
}

/**
 * `POST /revoke` (RFC 7009): the token suffices, with a proof of its key if it is bound: whoever holds it
 * may end it. A deferral code is cancelled as it is polled.
 */
export const revokeRoute = (deps: RevokeEndpointDeps): Route =>
  formRoute({
    path: '/revoke',
    operationId: 'revoke',
    summary: 'End a credential, a ticket, or a deferred request',
    tag: 'oauth',
    dpop: true,
    form: z.looseObject({
      token: z.string().describe('the JWT, the PEM of the certificate, the ticket or the deferral code'),
      token_type_hint: z.string().optional(),
      client_assertion: z.string().optional(),
      client_assertion_type: z.string().optional(),
    }),
    responses: {
      200: { description: 'It is over, or never was' },
      400: { description: 'Malformed, or without the proof of the key that it is bound to', schema: oauthErrorSchema },
      401: {
        description: 'A deferral code or a certificate needs the proofs of whom it was given to',
        schema: oauthErrorSchema,
      },
      429: { description: 'Too fast', schema: oauthErrorSchema },
      503: { description: 'Nothing was ended as far as we know; try again', schema: oauthErrorSchema },
    },
    handle: (form, context) => answerRevocation(deps, form, context),
  })

async function answerRevocation(
  deps: RevokeEndpointDeps,
  parameters: URLSearchParams,
  context: RequestContext,
): Promise<HttpAnswer> {
  const malformed = (description: string): HttpAnswer => oauthErrorAnswer({ error: 'invalid_request', description })
  const read = readForm(parameters, new Set())
  if ('repeated' in read) return malformed('a parameter is repeated')
  const { form } = read
  const token = form.get('token')
  if (token === undefined) return malformed('token is missing')
  if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) return malformed(`token is longer than ${MAX_TOKEN_BYTES} bytes`)
  const presented = presentedToken(context.authorization)
  if (context.authorization !== undefined && presented?.token !== token)
    return malformed('an Authorization header must carry the token that is revoked, or be left out')
  const clientAssertion = form.get('client_assertion')
  if (clientAssertion !== undefined && form.get('client_assertion_type') !== CLIENT_ASSERTION_TYPE)
    return malformed(`client_assertion_type must be ${CLIENT_ASSERTION_TYPE}`)
  const isCredential = deps.tokens.typOf(token) !== undefined
  const proof = await deps.verifyPossession(
    context,
    isCredential ? { value: token, mustBeNamed: presented?.scheme === 'DPoP' } : undefined,
  )
  if (!proof.ok) return refusedAnswer(proofRefusal(proof.refusal))
  const clientId = form.get('client_id')
  const revoked = await revokeToken(deps, { token, clientAssertion, clientId, proof: proof.value })
  return revoked.ok ? { status: 200, headers: NO_STORE } : refusedAnswer(revoked.refusal)
}

/** Whoever proved nothing is counted as such (invariant 14), as at `/token`. */
function refusedAnswer(refusal: ClientRefusal): HttpAnswer {
  const answer = oauthErrorAnswer(refusalToWire(refusal))
  const isUnproved = refusal.reason === 'client_refused' || refusal.reason === 'proof_refused'
  return isUnproved && !isOutage(refusal) ? { ...answer, unverified: refusal.because.reason } : answer
}
