import { z } from 'zod'
import { BINDINGS } from '../../grants/grant.js'
import * as value from '../values.js'

const approval = z
  .union([
    z.literal('policy'),
    z
      .array(
        z
          .strictObject({
            group: value.group().describe('An approver group, as under `roles`.'),
            count: value.wholeNumber(1, 20).default(1).describe('How many different people of it.'),
          })
          .describe('Who must approve.'),
      )
      .min(1)
      .max(20)
      .meta({ $comment: 'at least one { group, count }, or policy' }),
  ])
  .meta({ $comment: '`policy`, or a list of { group, count }' })

export const tier = z
  .strictObject({
    approval: approval.describe(
      '`policy`: rules decide (`allow`). Otherwise all of these must approve, by different people.',
    ),
    signed: z
      .boolean()
      .optional()
      .describe(
        'Approvals carry a signature of the person. Default: true where people approve. `true` is not in this build.',
      ),
    separation: z
      .enum(['strict', 'best_effort'])
      .default('strict')
      .describe(
        'An approver is not who started the run. `best_effort` lets through what cannot be told, and says so in the evidence.',
      ),
    binding: z
      .enum(BINDINGS)
      .default('none')
      .describe(
        'What a credential must be bound to: a DPoP key (RFC 9449), a client certificate (RFC 8705), or `any` of the two. A certificate that is issued is bound by itself; JWTs under `mtls` need a listener that serves it. A key that is proved without being asked for binds too.',
      ),
    max_ttl: value.duration('10s', '1h').prefault('10m').describe('The longest life of a credential.'),
    fresh: value.duration('10s', '7d').prefault('1h').describe("The greatest age of a reviewer's `auth_time`."),
    decide_within: value
      .duration('1m', '30d')
      .optional()
      .describe('How long a grant waits for people. Default: `limits.pending`.'),
    max_window: value.duration('1m', '366d').prefault('1d').describe('The longest life of a grant.'),
    delegation: z
      .strictObject({
        max_depth: value.wholeNumber(0, 10).default(3).describe('How often a credential may be handed on; 0: never.'),
        max_children: value
          .wholeNumber(0, 1000)
          .default(10)
          .describe('To how many each holder may hand on, for the life of the task.'),
      })
      .prefault({})
      .describe('The most that a grant may ask for in its `delegation`.'),
  })
  .describe('How risky a scope is, and so what it needs.')
