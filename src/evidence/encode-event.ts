import { canonicalize } from '../runtime/jcs.js'
import type { EncodedEvent, EventDraft } from './event.js'

/**
 * JCS sorts members by name, and `seq` comes right before `shard`: the line is cut there, so that the store can set
 * `seq` in the atomic step without parsing JSON.
 */
export function encodeEvent(draft: EventDraft): EncodedEvent {
  const { at, audience, credential_id, data, grant_id, id, parent_id, person, policy_digest } = draft
  const head = canonicalize({ at, audience, credential_id, data, grant_id, id, parent_id, person, policy_digest })
  const { shard, stream, task_id, type, v, workload } = draft
  const tail = canonicalize({ shard, stream, task_id, type, v, workload })
  return { shard, before: `${head.slice(0, -1)},"seq":`, after: `,${tail.slice(1)}` }
}
