import { canonicalizeMembers } from '../runtime/jcs.js'
import type { EncodedEvent, EventDraft } from './event.js'

/**
 * JCS sorts members by name, and `seq` comes right before `shard`: the line is cut there, so that the store can set
 * `seq` in the atomic step without parsing JSON. The members of an event are known and stand here in their order; RFC
 * 8785 §3.2.2 writes strings and numbers exactly as `JSON.stringify` does, so only `data` needs sorting.
 */
export function encodeEvent(draft: EventDraft): EncodedEvent {
  const { at, audience, credential_id, data, grant_id, id, parent_id, person, policy_digest } = draft
  const { shard, stream, task_id, type, v, workload } = draft
  const beforeData = JSON.stringify({ at, audience, credential_id })
  const afterData = JSON.stringify({ grant_id, id, parent_id, person, policy_digest })
  const tail = JSON.stringify({ shard, stream, task_id, type, v, workload })
  const head = `${beforeData.slice(0, -1)},"data":${canonicalizeMembers(data)},${afterData.slice(1, -1)}`
  return { shard, before: `${head},"seq":`, after: `,${tail.slice(1)}` }
}
