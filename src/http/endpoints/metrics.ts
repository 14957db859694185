import { z } from 'zod'
import type { Metrics } from '../../runtime/metrics.js'
import { getRoute, type Route } from '../route.js'

/** `GET /metrics`, on listeners that serve metrics only. `collect` sets the gauges before they are read. */
export const metricsRoute = (
  metrics: Pick<Metrics, 'text' | 'contentType'>,
  collect: () => Promise<void> | void,
): Route =>
  getRoute({
    path: '/metrics',
    place: 'anywhere',
    isFrequent: true,
    services: ['metrics'],
    operationId: 'getMetrics',
    summary: 'Metrics in the Prometheus text format',
    tag: 'operating',
    query: z.looseObject({}),
    responses: { 200: { description: 'The metrics', mediaType: 'text/plain' } },
    handle: async () => {
      await collect()
      return {
        status: 200,
        headers: { 'Content-Type': metrics.contentType, 'Cache-Control': 'no-store' },
        body: await metrics.text(),
      }
    },
  })
