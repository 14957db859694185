import { z } from 'zod'
import { CLIENT_ASSERTION_TYPE, GRANT_TYPE, TOKEN_TYPE } from '../../oauth/urns.js'
import type { HttpAnswer, RequestContext } from '../answer.js'
import { formRoute, type Route } from '../route.js'

/** The use case of `POST /token`, from the form to the answer. Never throws for a refusal. */
export type TokenUseCase = (form: URLSearchParams, context: RequestContext) => Promise<HttpAnswer>

const text = z.string()
const repeatable = z.union([text, z.array(text)])

/** What `oauth/token-request.ts` reads. Other parameters are ignored (RFC 6749 §3.2). */
const form = z.looseObject({
  grant_type: z.enum(Object.values(GRANT_TYPE)),
  subject_token: text
    .optional()
    .describe('The assertion of the workload; or a credential of this broker, for a ticket; or the ticket.'),
  subject_token_type: z
    .enum([TOKEN_TYPE.jwt, TOKEN_TYPE.idToken, TOKEN_TYPE.accessToken, TOKEN_TYPE.ticket])
    .optional(),
  actor_token: text.optional().describe('With a ticket only: the assertion of the workload that redeems it.'),
  actor_token_type: z.enum([TOKEN_TYPE.jwt, TOKEN_TYPE.idToken]).optional(),
  client_assertion: text.optional(),
  client_assertion_type: z.literal(CLIENT_ASSERTION_TYPE).optional(),
  client_id: text.optional(),
  audience: repeatable.optional().describe('The target; exactly one in all of audience and resource.'),
  resource: repeatable.optional(),
  scope: text.optional(),
  authorization_details: text.optional().describe('A JSON array (RFC 9396).'),
  requested_token_type: z
    .enum([TOKEN_TYPE.accessToken, TOKEN_TYPE.jwt, TOKEN_TYPE.x509Certificate, TOKEN_TYPE.ticket])
    .optional(),
  csr: text.optional(),
  actor: text.optional().describe('For a ticket: the SPIFFE id of the workload that may redeem it.'),
  grant_id: text.optional(),
  task: text.optional().describe('Subdivides this run into several errands.'),
  lifetime: text.regex(/^\d+$/).optional().describe('Seconds; can only shorten.'),
  completion_mode: text.optional().describe('A space-separated list; with `deferred` the client is willing to wait.'),
  purpose: text.optional().describe('Why: shown to approvers. Required to be deferred.'),
  deferral_code: text.optional().describe('For polling.'),
})

const answer = z.object({
  access_token: text,
  issued_token_type: z.enum([TOKEN_TYPE.accessToken, TOKEN_TYPE.jwt, TOKEN_TYPE.x509Certificate, TOKEN_TYPE.ticket]),
  token_type: z.enum(['Bearer', 'DPoP', 'N_A']),
  expires_in: z.int().positive(),
  scope: text.optional(),
  authorization_details: z.array(z.looseObject({ type: text })).optional(),
  grant_id: text.regex(/^gr_[0-9a-f]{34}$/),
  task_id: text.regex(/^tk_[0-9a-f]{34}$/),
  lease_seconds: z.int().positive().optional(),
})

/** `POST /token` (RFC 8693, Deferred Token Response). */
export const tokenRoute = (token: TokenUseCase): Route =>
  formRoute({
    path: '/token',
    isFrequent: true,
    operationId: 'exchangeToken',
    summary: 'Exchange an assertion for a credential (RFC 8693), or poll for a deferred one',
    tag: 'exchange',
    form,
    responses: { 200: { description: 'The credential, or the ticket', schema: answer } },
    handle: token,
  })
