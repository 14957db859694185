import type { OpenedGrant } from '../grants/choose.js'
import type { CredentialStanding } from '../grants/issuance-store.js'
import { isActive } from '../grants/lifecycle.js'
import type { CredentialId } from '../runtime/ids.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import type { ExchangeDeps } from './dependencies.js'
import type { ExchangeRefusal } from './refusal.js'

/** A credential that may be handed on: it lives, and so does what it lives by. */
export interface Parent {
  readonly standing: CredentialStanding
  readonly opened: OpenedGrant
}

/** Whether the grant is in force, its document says: what a store says of it is not believed above that (invariant 8). */
export async function liveParent(
  { stores, safe, clock }: Pick<ExchangeDeps, 'stores' | 'safe' | 'clock'>,
  id: CredentialId,
): Promise<Result<Parent, ExchangeRefusal>> {
  const now = clock.now()
  const standing = await stores.issuance.look(id, now)
  if (standing === undefined) return refuse({ reason: 'parent_ended' })
  if (standing.task.state !== 'open') return refuse({ reason: 'task_ended' })
  const opened = safe.open(standing.grant)
  if (!isActive(opened.grant, now)) return refuse({ reason: 'grant_not_usable' })
  return standing.live ? ok({ standing, opened }) : refuse({ reason: 'parent_ended' })
}
