import { expectSuccess, type Api } from './api.js'
import { parseEvent, parsePage, type EventDocument, type Page } from './wire.js'

export interface EventQuery {
  readonly stream?: string | undefined
  readonly grant_id?: string | undefined
  readonly task_id?: string | undefined
  readonly workload?: string | undefined
  readonly person?: string | undefined
  /** RFC 3339. */
  readonly since?: string | undefined
  readonly cursor?: string | undefined
  readonly order?: 'oldest' | 'latest' | undefined
  readonly limit?: number | undefined
}

/**
 * A page of the evidence; its `next` goes on there, from the oldest on
 * also for what comes later. `bearer` is an auditor's token.
 */
export async function readEvents(api: Api, bearer: string, query: EventQuery): Promise<Page<EventDocument>> {
  const limit = query.limit === undefined ? undefined : String(query.limit)
  return parsePage(
    await expectSuccess(api.send({ method: 'GET', path: '/evidence/events', bearer, query: { ...query, limit } })),
    'events',
    parseEvent,
  )
}
