import { z } from 'zod'
import { jsonAnswer } from '../answer.js'
import { getRoute, type Route } from '../route.js'
import type { CheckReadiness } from '../readiness.js'

const check = z.enum(['ok', 'failed'])
const readinessSchema = z.object({
  status: z.enum(['ready', 'not_ready']),
  checks: z.object({ store: check, clock: check, keys: check, stopping: check }),
  issuers: z.record(z.string(), z.enum(['fresh', 'stale', 'unknown'])),
})

const common = {
  place: 'anywhere',
  isFrequent: true,
  services: ['api', 'mtls', 'pki', 'metrics'],
  tag: 'operating',
  query: z.looseObject({}),
} as const

/** `GET /healthz`: this process answers. `GET /readyz`: it can do its work, so send requests here. */
export const healthRoutes = (checkReadiness: CheckReadiness): readonly Route[] => [
  getRoute({
    ...common,
    path: '/healthz',
    operationId: 'getHealth',
    summary: 'Whether the process answers',
    responses: { 200: { description: 'It does', schema: z.object({ status: z.literal('ok') }) } },
    handle: () => jsonAnswer(200, { status: 'ok' }),
  }),
  getRoute({
    ...common,
    path: '/readyz',
    operationId: 'getReadiness',
    summary: 'Whether requests should be sent here',
    responses: {
      200: { description: 'Ready', schema: readinessSchema },
      503: { description: 'Not ready, and why', schema: readinessSchema },
    },
    handle: async () => {
      const readiness = await checkReadiness()
      return jsonAnswer(readiness.status === 'ready' ? 200 : 503, readiness)
    },
  }),
]
