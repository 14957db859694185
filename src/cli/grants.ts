import { digestOf } from '../grants/digest.js'
import type { Terms } from '../grants/grant.js'
import { expectSuccess, type Api } from './api.js'
import { CommandError } from './command-error.js'
import { EXIT } from './exit-codes.js'
import { isJson, parseGrant, parsePage, type GrantDocument, type Page } from './wire.js'

/**
 * What can be done with grants over the interface (contract §1).
 * `bearer` is a person's token or a workload's assertion.
 */
export const readGrant = async (api: Api, bearer: string, id: string): Promise<GrantDocument> =>
  parseGrant(await expectSuccess(api.send({ method: 'GET', path: `/grants/${id}`, bearer })))

export interface ListQuery {
  readonly status?: string | undefined
  readonly cursor?: string | undefined
  readonly limit?: string | undefined
}

export const listGrants = async (api: Api, bearer: string, query: ListQuery): Promise<Page<GrantDocument>> =>
  parsePage(
    await expectSuccess(api.send({ method: 'GET', path: '/grants', bearer, query: { ...query } })),
    'grants',
    parseGrant,
  )

export const requestGrant = async (api: Api, bearer: string, body: unknown): Promise<GrantDocument> =>
  parseGrant(await expectSuccess(api.send({ method: 'POST', path: '/grants', bearer, json: body })))

export interface ReviewBody {
  readonly decision: 'approve' | 'deny'
  /** Of the terms that were shown: if they have changed since, the review is refused (409). */
  readonly digest: string
  /** Complete and narrower: then `digest` is theirs, and earlier reviews are void. */
  readonly terms?: Terms
  readonly group?: string
  readonly reason?: string
}

export const reviewGrant = async (api: Api, bearer: string, id: string, body: ReviewBody): Promise<GrantDocument> =>
  parseGrant(await expectSuccess(api.send({ method: 'POST', path: `/grants/${id}/reviews`, bearer, json: body })))

/** Ends an active grant, or withdraws a pending one. */
export const endGrant = async (api: Api, bearer: string, id: string): Promise<GrantDocument> =>
  parseGrant(await expectSuccess(api.send({ method: 'POST', path: `/grants/${id}/revoke`, bearer, json: {} })))

/**
 * What was shown is what will be approved: the digest is made here, over the terms as they were read (contract §1,
 * "Digest"), and must be the one that the broker states.
 */
export async function checkTerms(api: Api, grant: GrantDocument): Promise<Terms> {
  const metadata = await expectSuccess(api.send({ method: 'GET', path: '/.well-known/oauth-authorization-server' }))
  const issuer = isJson(metadata) ? metadata['issuer'] : undefined
  const terms = typeof issuer === 'string' ? termsOf(grant, issuer) : undefined
  if (terms !== undefined && digestOf(terms) === grant.digest) return terms
  throw new CommandError(
    EXIT.fault,
    'the digest is not that of the terms that were shown: nothing was decided',
    'is this command of the same version as the broker?',
  )
}

const termsOf = (grant: GrantDocument, issuer: string): Terms => ({
  v: 1,
  issuer,
  id: grant.id,
  tier: grant.tier,
  delegate: grant.delegate,
  sealed: grant.sealed,
  task: grant.task,
  access: grant.access,
  credential: grant.credential,
  delegation: grant.delegation,
  purpose: grant.purpose,
  requested_by: grant.requested_by,
  owner: grant.owner,
  decide_by: grant.decide_by,
  duration_seconds: grant.duration_seconds,
  required_reviews: grant.required_reviews,
})
