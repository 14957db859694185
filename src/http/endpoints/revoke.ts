import { z } from 'zod'
import { refusalToWire } from '../../exchange/refusal-to-wire.js'
import { readForm } from '../../oauth/form.js'
import { NO_STORE } from '../../oauth/token-response.js'
import { CLIENT_ASSERTION_TYPE, MAX_TOKEN_BYTES } from '../../oauth/urns.js'
import { revokeToken, type RevokeDeps } from '../../revocation/revoke-token.js'
import type { HttpAnswer, RequestContext } from '../answer.js'
import { bearerOf } from '../callers.js'
import { oauthErrorAnswer, oauthErrorSchema } from '../errors.js'
import { formRoute, type Route } from '../route.js'

/** `POST /revoke` (RFC 7009): the token suffices, whoever holds it may end it. A deferral code is cancelled as it is polled. */
export const revokeRoute = (deps: RevokeDeps): Route =>
  formRoute({
    path: '/revoke',
    operationId: 'revoke',
    summary: 'End a credential, a ticket, or a deferred request',
    tag: 'oauth',
    form: z.looseObject({
      token: z.string(),
      token_type_hint: z.string().optional(),
      client_assertion: z.string().optional(),
      client_assertion_type: z.string().optional(),
    }),
    responses: {
      200: { description: 'It is over, or never was' },
      400: { description: 'Malformed', schema: oauthErrorSchema },
      401: { description: 'A deferral code needs the assertion of whom it was given to', schema: oauthErrorSchema },
      503: { description: 'Nothing was ended as far as we know; try again', schema: oauthErrorSchema },
    },
    handle: (form, context) => answerRevocation(deps, form, context),
  })

async function answerRevocation(
  deps: RevokeDeps,
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
  if (context.authorization !== undefined && bearerOf(context.authorization) !== token)
    return malformed('an Authorization header must carry the token that is revoked, or be left out')
  const clientAssertion = form.get('client_assertion')
  if (clientAssertion !== undefined && form.get('client_assertion_type') !== CLIENT_ASSERTION_TYPE)
    return malformed(`client_assertion_type must be ${CLIENT_ASSERTION_TYPE}`)
  const revoked = await revokeToken(deps, { token, clientAssertion, clientId: form.get('client_id') })
  return revoked.ok ? { status: 200, headers: NO_STORE } : oauthErrorAnswer(refusalToWire(revoked.refusal))
}
