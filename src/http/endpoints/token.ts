import { z } from 'zod'
import type { Delivery } from '../../exchange/delivery.js'
import type { Exchange } from '../../exchange/exchange.js'
import { refused, type Outcome } from '../../exchange/outcome.js'
import type { ExchangeRefusal } from '../../exchange/refusal.js'
import { isOutage } from '../../exchange/refusal-to-wire.js'
import { renderOutcome } from '../../exchange/render-outcome.js'
import type { OAuthError } from '../../oauth/error.js'
import { parseTokenRequest, type TokenRequest } from '../../oauth/token-request.js'
import type { Log } from '../../runtime/log.js'
import type { ExchangeOutcome, Metrics } from '../../runtime/metrics.js'
import { monotonicMs } from '../../runtime/stopwatch.js'
import { proofRefusal } from '../../workloads/client-refusal.js'
import type { VerifyPossession } from '../../workloads/verify-possession.js'
import type { HttpAnswer, RequestContext } from '../answer.js'
import { parseJson } from '../body.js'
import { oauthErrorAnswer, oauthErrorSchema } from '../errors.js'
import { formRoute, type Route } from '../route.js'

export interface TokenDeps {
  readonly exchange: Exchange
  readonly verifyPossession: VerifyPossession
  readonly delivery: Pick<Delivery, 'sent' | 'unsent'>
  readonly metrics: Pick<Metrics, 'exchange'>
  readonly log: Log
}

/** `POST /token`: token exchange, and polling of a deferred one (RFC 8693, Deferred Token Response). */
export function tokenRoute(deps: TokenDeps): Route {
  return formRoute({
    path: '/token',
    // What it issues is in the evidence, with more than a log line could say.
    isFrequent: true,
    operationId: 'token',
    summary: 'Exchange an assertion for a credential, or poll a deferred request',
    tag: 'oauth',
    dpop: true,
    form: tokenForm,
    responses: {
      200: { description: 'A credential or a ticket', schema: tokenAnswer },
      400: {
        description: 'Refused, deferred (`authorization_pending`), or in need of a nonce (`use_dpop_nonce`)',
        schema: oauthErrorSchema,
      },
      401: { description: 'The client did not prove itself', schema: oauthErrorSchema },
      429: { description: 'Too fast', schema: oauthErrorSchema },
      503: { description: 'Nothing was issued; try again', schema: oauthErrorSchema },
    },
    handle: (form, context) => answerToken(deps, form, context),
  })
}

async function answerToken(deps: TokenDeps, form: URLSearchParams, context: RequestContext): Promise<HttpAnswer> {
  const start = monotonicMs()
  const seconds = (): number => (monotonicMs() - start) / 1000
  // Workloads prove themselves by assertions in the form; whoever sends a header expects it to count.
  if (context.authorization !== undefined) return headerNotRead(context.authorization)
  const parsed = parseTokenRequest(form)
  if ('fault' in parsed) {
    deps.metrics.exchange('refused', parsed.fault.error, seconds())
    return oauthErrorAnswer(parsed.fault)
  }
  const ambiguous = detailsFault(form.get('authorization_details'))
  if (ambiguous !== undefined) {
    deps.metrics.exchange('refused', ambiguous.error, seconds())
    return oauthErrorAnswer(ambiguous)
  }
  let outcome: Outcome
  try {
    outcome = await prove(deps, parsed.request, context)
  } catch (error) {
    deps.metrics.exchange('fault', 'fault', seconds())
    throw error
  }
  const { label, reason } = labelsOf(outcome)
  deps.metrics.exchange(label, reason, seconds())
  deps.log.debug('exchange', { request_id: context.requestId, outcome: label, reason, ...idsOf(outcome) })
  return { ...renderOutcome(outcome), ...deliveryOf(deps, outcome), ...unverifiedOf(outcome) }
}

/**
 * First the keys, which spends nothing: whoever is asked for another
 * nonce sends the same assertion again (RFC 9449 §8).
 */
async function prove(deps: TokenDeps, request: TokenRequest, context: RequestContext): Promise<Outcome> {
  const token =
    request.kind === 'exchange' && request.subjectTokenType === 'access_token' && request.subjectToken !== undefined
      ? { value: request.subjectToken, mustBeNamed: false }
      : undefined
  const proof = await deps.verifyPossession(context, token)
  return proof.ok ? deps.exchange(request, proof.value) : refused(proofRefusal(proof.refusal))
}

/** RFC 6749 §5.2: who authenticates by a header gets 401 with a challenge of the scheme that they used. */
function headerNotRead(authorization: string): HttpAnswer {
  const scheme = SCHEMES.find((name) => authorization.toLowerCase().startsWith(`${name.toLowerCase()} `)) ?? 'Basic'
  const answer = oauthErrorAnswer({
    error: 'invalid_client',
    description: 'send a client_assertion: no Authorization header is read here',
  })
  return { ...answer, headers: { ...answer.headers, 'WWW-Authenticate': `${scheme} realm="errand"` } }
}

const SCHEMES = ['Basic', 'Bearer', 'DPoP'] as const

/** JSON inside of a form is read as strictly as a body of JSON is: what two parsers may read in two ways is refused. */
function detailsFault(text: string | null): OAuthError | undefined {
  const json = text === null || text === '' ? undefined : parseJson(Buffer.from(text))
  if (json?.ok !== false) return undefined
  return {
    error: 'invalid_authorization_details',
    description:
      'authorization_details cannot be read: a member is repeated, has a name that is not allowed, or is nested too deeply',
  }
}

/** What was sent is confirmed; what never left is voided (invariant 9). */
function deliveryOf({ delivery }: TokenDeps, outcome: Outcome): Pick<HttpAnswer, 'onSent'> {
  if (outcome.kind !== 'issued') return {}
  const { credentialId } = outcome
  return {
    onSent: (sent) => {
      if (sent) delivery.sent(credentialId)
      else delivery.unsent(credentialId)
    },
  }
}

const LABELS: Readonly<Record<Outcome['kind'], ExchangeOutcome>> = {
  issued: 'issued',
  ticketed: 'ticket',
  deferred: 'deferred',
  pending: 'pending',
  refused: 'refused',
}

const labelsOf = (outcome: Outcome): { label: ExchangeOutcome; reason: string } => ({
  label: LABELS[outcome.kind],
  reason: outcome.kind === 'refused' ? reasonOf(outcome) : 'none',
})

/** The inner reason where there is one: it says more than "refused". */
const reasonOf = ({ refusal }: Extract<Outcome, { kind: 'refused' }>): string =>
  'because' in refusal ? refusal.because.reason : refusal.reason

function idsOf(outcome: Outcome): { grant_id?: string; task_id?: string; credential_id?: string } {
  switch (outcome.kind) {
    case 'issued':
      return { grant_id: outcome.grantId, task_id: outcome.taskId, credential_id: outcome.credentialId }
    case 'ticketed':
      return { grant_id: outcome.grantId, task_id: outcome.taskId }
    case 'deferred':
      return { grant_id: outcome.grantId }
    case 'pending':
    case 'refused':
      return {}
  }
}

/** Whoever proved nothing is counted as such (invariant 14). */
function unverifiedOf(outcome: Outcome): Pick<HttpAnswer, 'unverified'> {
  if (outcome.kind !== 'refused' || isOutage(outcome.refusal)) return {}
  const { reason } = outcome.refusal
  return UNPROVED.has(reason) ? { unverified: reasonOf(outcome) } : {}
}

const UNPROVED: ReadonlySet<ExchangeRefusal['reason']> = new Set([
  'subject_refused',
  'client_refused',
  'actor_refused',
  'proof_refused',
])

const tokenForm = z
  .looseObject({
    grant_type: z.string().describe('token-exchange, client_credentials or deferred'),
    subject_token: z.string().optional(),
    subject_token_type: z.string().optional(),
    actor_token: z.string().optional(),
    actor_token_type: z.string().optional(),
    client_assertion: z.string().optional(),
    client_assertion_type: z.string().optional(),
    client_id: z.string().optional(),
    audience: z.string().optional(),
    resource: z.string().optional(),
    scope: z.string().optional(),
    authorization_details: z.string().optional().describe('JSON (RFC 9396)'),
    requested_token_type: z.string().optional(),
    csr: z.string().optional().describe('for a certificate: PKCS #10, PEM or base64url of the DER'),
    actor: z.string().optional().describe('for a ticket: the SPIFFE id of who may redeem it'),
    grant_id: z.string().optional(),
    task: z.string().optional(),
    lifetime: z.string().optional().describe('seconds; can only shorten'),
    completion_mode: z.string().optional(),
    purpose: z.string().optional().describe('why, up to 500 characters, shown to approvers'),
    deferral_code: z.string().optional(),
  })
  .describe('RFC 8693 §2.1 and Deferred Token Response')

const tokenAnswer = z.object({
  access_token: z.string().describe('the JWT, the certificate and its chain as PEM, or the ticket'),
  issued_token_type: z.string(),
  token_type: z.enum(['Bearer', 'DPoP', 'N_A']),
  expires_in: z.int(),
  scope: z.string().optional(),
  authorization_details: z.array(z.looseObject({ type: z.string() })).optional(),
  grant_id: z.string(),
  task_id: z.string(),
  lease_seconds: z.int().optional(),
})
