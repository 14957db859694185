import { z } from 'zod'
import { digestOf } from '../grants/digest.js'
import { BINDINGS, type Grant } from '../grants/grant.js'
import { asOf } from '../grants/lifecycle.js'
import { formatTime, type EpochSeconds } from '../runtime/clock.js'

/** A grant as the API shows it (contract §1, "A grant"). What only rules need to know (who a reviewer is elsewhere) stays inside. */
export function viewGrant(grant: Grant, now: EpochSeconds): Readonly<Record<string, unknown>> {
  const { status, ended } = asOf(grant, now)
  const { v: _v, issuer: _issuer, id, tier, decide_by, duration_seconds, ...terms } = grant.terms
  return {
    id,
    status,
    tier,
    created_at: formatTime(grant.createdAt),
    decide_by,
    duration_seconds,
    ...(grant.expiresAt === undefined ? {} : { expires_at: formatTime(grant.expiresAt) }),
    digest: digestOf(grant.terms),
    ...terms,
    reviews: grant.reviews.map(({ by, group, decision, reason, at, signature }) => ({
      by,
      group,
      decision,
      reason,
      at,
      ...(signature === undefined ? {} : { signature }),
    })),
    ...(ended === undefined ? {} : { ended }),
  }
}

const text = z.string()
const time = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  .describe('RFC 3339, UTC, whole seconds')
const claims = z.record(text, text)

export const detailSchema = z.looseObject({ type: z.string().min(1).max(256) })
const access = z.object({
  audience: text,
  scope: text,
  authorization_details: z.array(detailSchema),
})
const credential = z.object({
  types: z.array(z.enum(['jwt', 'x509'])),
  max_ttl_seconds: z.int(),
  binding: z.enum(BINDINGS),
  names: z.object({ common_name: text.optional(), dns: z.array(text) }).optional(),
})

export const grantSchema = z.object({
  id: text,
  status: z.enum(['pending', 'active', 'denied', 'withdrawn', 'expired', 'completed', 'revoked']),
  tier: text,
  created_at: time,
  decide_by: time,
  duration_seconds: z.int(),
  expires_at: time.optional(),
  digest: text,
  delegate: z.object({ issuer: text, subject: text, claims }),
  sealed: claims,
  task: z.object({ description: text, reference: text, max_tasks: z.int() }),
  access: z.array(access),
  credential,
  delegation: z.object({ to: z.array(text), max_depth: z.int(), max_children: z.int() }),
  purpose: text,
  requested_by: z.object({ kind: z.enum(['workload', 'person']), id: text }),
  owner: text,
  required_reviews: z.array(z.object({ group: text, count: z.int() })),
  reviews: z.array(
    z.object({
      by: text,
      group: text,
      decision: z.enum(['approve', 'deny']),
      reason: text,
      at: time,
      signature: z.record(text, z.unknown()).optional(),
    }),
  ),
  ended: z
    .object({ reason: z.enum(['completed', 'revoked', 'expired', 'denied', 'withdrawn']), at: time, by: text })
    .optional(),
})

/** The terms, complete, as a reviewer sends them back narrower (contract §1, "Review"). */
export const termsSchema = z.strictObject({
  v: z.literal(1),
  issuer: text,
  id: z.templateLiteral(['gr_', z.string()]),
  tier: text,
  delegate: z.strictObject({ issuer: text, subject: text, claims }),
  sealed: claims,
  task: z.strictObject({ description: text, reference: text, max_tasks: z.int() }),
  access: z.array(z.strictObject(access.shape)).min(1).max(32),
  credential: z.strictObject(credential.shape),
  delegation: z.strictObject({ to: z.array(text).max(64), max_depth: z.int(), max_children: z.int() }),
  purpose: text,
  requested_by: z.strictObject({ kind: z.enum(['workload', 'person']), id: text }),
  owner: text,
  decide_by: time,
  duration_seconds: z.int(),
  required_reviews: z.array(z.strictObject({ group: text, count: z.int() })),
})
