import type { EncodedEvent } from '../evidence/event.js'
import { Fault } from '../runtime/fault.js'
import type { GrantId } from '../runtime/ids.js'
import { refuse, type Result } from '../runtime/result.js'
import { statedAnchor } from '../workloads/delegate.js'
import type { OpenedGrant } from './choose.js'
import type { Grant } from './grant.js'
import type { GrantDeps } from './grant-deps.js'
import type { GrantRevision } from './grant-store.js'
import { releasePlaces } from './submit-grant.js'
import { anchorKeyOf, joinKeyOf } from './whereabouts.js'

/** How often a change is decided anew when another one came first. */
const ATTEMPTS = 16

export interface Change {
  readonly grant: Grant
  readonly events: readonly EncodedEvent[]
}

/**
 * Reads a grant, decides a change, and keeps it, if nothing changed in between; else decides again. `decide` is pure, and
 * may refuse.
 */
export async function reviseGrant<R>(
  deps: GrantDeps,
  id: GrantId,
  decide: (opened: OpenedGrant) => Result<Change, R> | Promise<Result<Change, R>>,
): Promise<Result<Grant, R | { readonly reason: 'grant_unknown' }>> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const record = await deps.stores.grants.read(id)
    if (record === undefined) return refuse({ reason: 'grant_unknown' })
    const opened = deps.safe.open(record)
    const decided = await decide(opened)
    if (!decided.ok) return decided
    const answer = await deps.stores.grants.revise(revisionOf(deps, opened, decided.value))
    if (answer === 'conflict') continue
    if (opened.grant.status === 'pending' && decided.value.grant.status !== 'pending')
      await releasePlaces(deps, opened.grant)
    return { ok: true, value: decided.value.grant }
  }
  throw new Fault('contended', 'the grant changed under every attempt to revise it')
}

/** From the version that was decided on to the next. */
export function revisionOf(deps: GrantDeps, from: OpenedGrant, { grant, events }: Change): GrantRevision {
  const joinKey = from.grant.askedAs ?? joinKeyOf(from.grant.terms)
  const at = deps.clock.now()
  return {
    record: deps.safe.close(grant, from.record.version + 1, from.record.index),
    from: from.record.version,
    anchorKey: anchorKeyFor(deps, from.grant),
    at,
    events,
    ...(from.grant.status === 'pending' && grant.status !== 'pending' ? { joinKey } : {}),
    ...(grant.status === 'denied' ? { coolDown: { joinKey, until: at + deps.limits.coolDown } } : {}),
  }
}

/**
 * The anchor that the grant's delegate states: where its pending ones are counted. A source that is configured no more has no
 * count; its grants can be ended all the same.
 */
function anchorKeyFor({ sources }: GrantDeps, { terms }: Grant): string {
  const source = sources.get(terms.delegate.issuer)
  const anchor = source === undefined ? undefined : statedAnchor(terms.delegate, source.mapping.anchor)
  return anchorKeyOf(source?.name ?? '', anchor ?? terms.id)
}
