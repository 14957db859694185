import type { BoundedFetch, FetchRefusal } from '../runtime/bounded-fetch.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { pick, type Claims } from './claims.js'
import type { TokenReviewSource, WorkloadSource } from './source.js'
import { parseStrictObject } from './strict-json.js'
import { readTokenFile } from './token-file.js'
import type { Workload } from './workload.js'

/**
 * Asks the cluster itself whether a token still means something: its JWKS cannot tell that the pod was deleted
 * (TokenReview, "authentication.k8s.io/v1" of the Kubernetes API reference). Only tokens whose signature and claims were
 * found good come here, so strangers cause no call. Nothing is remembered here, not even for a moment; the API server
 * itself may answer from a cache of some seconds.
 */
export type ReviewToken = (reviewed: Reviewed) => Promise<ReviewVerdict>

export interface Reviewed {
  readonly source: WorkloadSource
  readonly server: TokenReviewSource
  readonly assertion: string
  /** What the assertion said by itself. */
  readonly workload: Workload
}

export type ReviewVerdict = 'live' | 'not_live' | 'unavailable'

export interface TokenReviewDeps {
  readonly fetch: BoundedFetch
  /** Why nothing can be said. Status 401 or 403 speaks of our own token or its role, not of the workload's. */
  readonly onFailed?: (issuer: string, failure: ReviewFailure) => void
}

export type ReviewFailure =
  FetchRefusal | { readonly reason: 'token_file_unreadable' | 'review_malformed' | 'reviews_too_many' }

const REVIEW = { timeoutMs: 3_000, maxBytes: 64 * 1024 }
/** At once, for each source: beyond that the API server is too slow for us, and waiting would only pile up. */
const MAX_CONCURRENT = 64

export function createTokenReview({ fetch, onFailed }: TokenReviewDeps): ReviewToken {
  const running = new Map<string, number>()
  const counted = async (reviewed: Reviewed): Promise<Result<Claims, ReviewFailure>> => {
    const { issuer } = reviewed.source
    const count = running.get(issuer) ?? 0
    if (count >= MAX_CONCURRENT) return refuse({ reason: 'reviews_too_many' })
    running.set(issuer, count + 1)
    try {
      return await ask(reviewed, fetch)
    } finally {
      running.set(issuer, (running.get(issuer) ?? 1) - 1)
    }
  }
  return async (reviewed) => {
    const status = await counted(reviewed)
    if (status.ok) return isLive(status.value, reviewed) ? 'live' : 'not_live'
    onFailed?.(reviewed.source.issuer, status.refusal)
    return 'unavailable'
  }
}

/** The `status` of the review. */
async function ask(
  { source, server, assertion }: Reviewed,
  fetch: BoundedFetch,
): Promise<Result<Claims, ReviewFailure>> {
  const bearer = await readTokenFile(server.tokenFile)
  if (bearer === undefined) return refuse({ reason: 'token_file_unreadable' })
  const answer = await fetch(`${server.url.replace(/\/+$/, '')}/apis/authentication.k8s.io/v1/tokenreviews`, {
    ...REVIEW,
    bearer,
    ...(server.ca === undefined ? {} : { ca: server.ca }),
    json: JSON.stringify({
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token: assertion, audiences: source.audiences },
    }),
  })
  if (!answer.ok) return answer
  const status = pick(parseStrictObject(answer.value.body) ?? {}, 'status')
  return isObject(status) ? ok(status) : refuse({ reason: 'review_malformed' })
}

/**
 * Authenticated (left out where it is false), and what the API server believed is what we believed: the same account, the
 * same pod, one of our audiences. A server that knows no audiences answers with none: to it the token may be its own.
 */
function isLive(status: Claims, { source, workload }: Reviewed): boolean {
  if (pick(status, 'authenticated') !== true) return false
  const isSame =
    pick(status, '/user/username') === workload.subject &&
    pick(status, '/user/uid') === workload.anchor.value &&
    isOnly(pick(status, '/user/extra/authentication.kubernetes.io~1pod-uid'), workload.sealed['/kubernetes.io/pod/uid'])
  const audiences = pick(status, 'audiences')
  return (
    isSame && isList(audiences) && audiences.length > 0 && audiences.every((name) => isOneOf(name, source.audiences))
  )
}

const isObject = (value: unknown): value is Claims =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value)

const isOnly = (list: unknown, text: string | undefined): boolean =>
  isList(list) && text !== undefined && list.length === 1 && list[0] === text

const isOneOf = (value: unknown, texts: readonly string[]): boolean =>
  typeof value === 'string' && texts.includes(value)
