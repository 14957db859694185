import type { ExchangeRequest, TokenRequest } from '../oauth/token-request.js'
import type { ProofOfPossession } from '../workloads/possession.js'
import type { ExchangeDeps } from './dependencies.js'
import { exchangeAssertion } from './exchange-assertion.js'
import { makeTicket } from './make-ticket.js'
import type { Outcome } from './outcome.js'
import { poll } from './poll.js'
import { redeemTicket } from './redeem-ticket.js'

/**
 * exchange/ is the use case of `/token`: the only place that knows the order. Parse → verify who → find the grant →
 * decide → record in one atomic step → sign → render.
 */
export type Exchange = (request: TokenRequest, proof: ProofOfPossession) => Promise<Outcome>

export const createExchange =
  (deps: ExchangeDeps): Exchange =>
  (request, proof) =>
    request.kind === 'poll' ? poll(deps, request, proof) : route(deps, request, proof)

/** A token is routed by what it is, not by what the request calls it (invariant 5): only a ticket hands on, only a credential gets a ticket. */
async function route(deps: ExchangeDeps, request: ExchangeRequest, proof: ProofOfPossession): Promise<Outcome> {
  const { subjectToken } = request
  if (subjectToken === undefined) return exchangeAssertion(deps, request, proof)
  switch (deps.tokens.typOf(subjectToken)) {
    case 'errand-ticket+jwt':
      return redeemTicket(deps, { ...request, subjectToken }, proof)
    case 'at+jwt':
      return makeTicket(deps, { ...request, subjectToken }, proof)
    case undefined:
      return exchangeAssertion(deps, request, proof)
  }
}
