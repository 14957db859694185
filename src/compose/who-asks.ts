import { createPersonVerifier, type VerifyPerson } from '../people/verify-person.js'
import { boundedFetch } from '../runtime/bounded-fetch.js'
import { createRateLimit } from '../runtime/rate-limit.js'
import { createDpopVerifier } from '../workloads/dpop.js'
import type { DpopNonces } from '../workloads/dpop-nonce.js'
import { createTokenReview, type ReviewToken } from '../workloads/token-review.js'
import { createPossessionVerifier, type VerifyPossession } from '../workloads/verify-possession.js'
import { createResourceServerVerifier, type VerifyResourceServer } from '../workloads/verify-resource-server.js'
import { createSvidVerifier, type VerifySvid } from '../workloads/verify-svid.js'
import { createWorkloadVerifier, type VerifyWorkload } from '../workloads/verify-workload.js'
import { limitKeyOf, type RateLimited } from '../workloads/workload.js'
import type { Base } from './base.js'
import { originsOf } from './origins.js'
import { oidcPeople, type Trust } from './trust.js'

/** Who asks: everything that verifies a caller, and how often one may ask. The exchange and the JSON API share it. */
export interface WhoAsks {
  readonly verifyWorkload: VerifyWorkload
  readonly verifySvid: VerifySvid
  readonly verifyPerson: VerifyPerson
  readonly verifyResourceServer: VerifyResourceServer
  readonly verifyPossession: VerifyPossession
  /** Seconds to wait when this workload asks too often; `undefined` lets it in. */
  readonly admit: (caller: RateLimited) => number | undefined
}

export function wireWhoAsks(
  base: Base,
  { issuerKeys, revocationLists }: Pick<Trust, 'issuerKeys' | 'revocationLists'>,
  dpopNonces: DpopNonces,
  hasEnded: (certificate: Buffer) => Promise<boolean>,
): WhoAsks {
  const { settings, clock, stores } = base
  const { issuer, workloads, trustDomain } = settings
  const common = { clock, keys: issuerKeys }
  return {
    verifyWorkload: createWorkloadVerifier({
      ...common,
      sources: workloads,
      trustDomain,
      ownIssuer: issuer,
      reviewToken: tokenReviewOf(base),
      revocationLists,
      peopleAudiences: audiencesByIssuer(oidcPeople(settings)),
    }),
    verifySvid: createSvidVerifier({ ...common, sources: workloads, trustDomain }),
    verifyPerson: createPersonVerifier({
      ...common,
      sources: settings.people,
      roles: settings.roles,
      ownIssuer: issuer,
      workloadAudiences: audiencesByIssuer(workloads),
    }),
    verifyResourceServer: createResourceServerVerifier({
      catalogue: settings.catalogue,
      audiences: [issuer, `${issuer}/introspect`, `${issuer}/token`],
      clock,
      store: stores.issuance,
      hasEnded,
    }),
    verifyPossession: createPossessionVerifier(
      createDpopVerifier({ origins: originsOf(settings), clock, nonces: dpopNonces }),
    ),
    admit: admitOf(base),
  }
}

const audiencesByIssuer = (
  sources: readonly { readonly issuer: string; readonly audiences: readonly string[] }[],
): ReadonlyMap<string, readonly string[]> => new Map(sources.map(({ issuer, audiences }) => [issuer, audiences]))

/** Lines a minute, for each cluster: while an API server is away, each exchange of its pods fails. */
const LOGGED_REVIEW_FAILURES = 12

function tokenReviewOf({ clock, log }: Base): ReviewToken {
  const logLimit = createRateLimit({ perMinute: LOGGED_REVIEW_FAILURES, clock })
  return createTokenReview({
    fetch: boundedFetch,
    onFailed: (url, failure) => {
      if (logLimit.take(url) !== undefined) return
      log.warn('token_not_reviewed', {
        issuer: url,
        reason: failure.reason,
        ...('status' in failure ? { status: failure.status } : {}),
      })
    },
  })
}

function admitOf({ settings, clock, metrics }: Base): WhoAsks['admit'] {
  const limit = createRateLimit({ perMinute: settings.limits.requestsPerMinute.workload, clock })
  return (caller) => {
    const wait = limit.take(limitKeyOf(caller))
    if (wait !== undefined) metrics.limited('workload')
    return wait
  }
}
