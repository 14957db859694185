import { z } from 'zod'
import { EVIDENCE_STREAMS } from '../../evidence/event.js'
import type { EvidenceStore } from '../../evidence/evidence-store.js'
import { readEvents, type Position } from '../../evidence/read-events.js'
import { readLatest } from '../../evidence/read-latest.js'
import { parseTime } from '../../runtime/clock.js'
import { parseGrantId, parseTaskId, SHARDS } from '../../runtime/ids.js'
import { jsonAnswer, type HttpAnswer } from '../answer.js'
import { identifyPerson, type CallerDeps } from '../callers.js'
import { refusalAnswer } from '../errors.js'
import { PROBLEMS } from '../problems.js'
import { getRoute, type Route } from '../route.js'
import { wholeNumber } from '../whole-number.js'

export interface EvidenceEndpointDeps {
  readonly evidence: EvidenceStore
  readonly callers: CallerDeps
}

const eventSchema = z.looseObject({
  v: z.literal(1),
  id: z.string(),
  at: z.string(),
  shard: z.int(),
  seq: z.int(),
  stream: z.enum(EVIDENCE_STREAMS),
  type: z.string(),
})

const query = z.strictObject({
  stream: z.enum(EVIDENCE_STREAMS).optional(),
  grant_id: z.string().optional(),
  task_id: z.string().optional(),
  workload: z.string().max(127).optional(),
  person: z.string().max(512).optional(),
  since: z.string().optional().describe('RFC 3339'),
  order: z.enum(['oldest', 'latest']).default('oldest').describe('Which page comes first'),
  cursor: z.string().max(4096).optional(),
  limit: wholeNumber(1000, 200),
})

/**
 * `GET /evidence/events`: what happened, for auditors, from the beginning on or from the end back. The cursor goes on
 * where the last page ended; from the beginning, also for events that come later.
 */
export const evidenceRoute = (deps: EvidenceEndpointDeps): Route =>
  getRoute({
    path: '/evidence/events',
    operationId: 'readEvents',
    summary: 'Read evidence events',
    tag: 'evidence',
    security: ['person'],
    query,
    responses: {
      200: {
        description:
          'A page, oldest first; ask again with next_cursor and the same order for what is left, and with newer_cursor in the order oldest for what comes later than a page of the latest',
        schema: z.object({
          events: z.array(eventSchema),
          next_cursor: z.string(),
          newer_cursor: z.string().optional().describe('With order=latest'),
          complete: z.boolean(),
        }),
      },
      ...PROBLEMS,
    },
    handle: async ({ query: asked }, context) => {
      const auditor = await identifyPerson(deps.callers, context, ['auditor'])
      if (!auditor.ok) return auditor.refusal
      return answerEvents(deps, asked)
    },
  })

async function answerEvents(deps: EvidenceEndpointDeps, asked: z.output<typeof query>): Promise<HttpAnswer> {
  const malformed = (detail: string): HttpAnswer => refusalAnswer({ reason: 'malformed_request', detail }, 'problem')
  const grantId = asked.grant_id === undefined ? undefined : parseGrantId(asked.grant_id)
  const taskId = asked.task_id === undefined ? undefined : parseTaskId(asked.task_id)
  const since = asked.since === undefined ? undefined : parseTime(asked.since)
  const position = parseCursor(asked.cursor)
  if (asked.grant_id !== undefined && grantId === undefined) return malformed('grant_id is no id of a grant')
  if (asked.task_id !== undefined && taskId === undefined) return malformed('task_id is no id of a task')
  if (asked.since !== undefined && since === undefined)
    return malformed('since is not RFC 3339 in UTC and whole seconds')
  if (position === undefined) return malformed('the cursor is not one of ours')
  const filter = {
    ...(asked.stream === undefined ? {} : { stream: asked.stream }),
    ...(grantId === undefined ? {} : { grantId }),
    ...(taskId === undefined ? {} : { taskId }),
    ...(asked.workload === undefined ? {} : { workload: asked.workload }),
    ...(asked.person === undefined ? {} : { person: asked.person }),
    ...(since === undefined ? {} : { since }),
  }
  if (asked.order === 'latest') {
    const from = asked.cursor === undefined ? undefined : position
    const { events, before, position: heads, complete } = await readLatest(deps.evidence, filter, asked.limit, from)
    const cursors = { next_cursor: formatCursor(before), newer_cursor: formatCursor(heads) }
    return jsonAnswer(200, { events, ...cursors, complete })
  }
  const { events, position: reached, complete } = await readEvents(deps.evidence, filter, position, asked.limit)
  return jsonAnswer(200, { events, next_cursor: formatCursor(reached), complete })
}

const formatCursor = (position: Position): string =>
  Buffer.from(JSON.stringify(Array.from({ length: SHARDS }, (_, shard) => position[shard] ?? 0))).toString('base64url')

function parseCursor(cursor: string | undefined): Position | undefined {
  if (cursor === undefined) return {}
  try {
    const seqs: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    const valid =
      Array.isArray(seqs) && seqs.length === SHARDS && seqs.every((seq) => Number.isSafeInteger(seq) && seq >= 0)
    return valid ? Object.fromEntries(seqs.map((seq: number, shard) => [shard, seq])) : undefined
  } catch {
    return undefined
  }
}
