import type { OpenedGrant } from '../grants/choose.js'
import type { CredentialDocument } from '../grants/documents.js'
import type { CredentialStanding } from '../grants/issuance-store.js'
import { isActive } from '../grants/lifecycle.js'
import { openCredential } from '../grants/sealed-credential.js'
import { Fault } from '../runtime/fault.js'
import type { CredentialId, GrantId, TaskId } from '../runtime/ids.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import type { ExchangeDeps } from './dependencies.js'
import type { ExchangeRefusal } from './refusal.js'

/** A credential that may be handed on: it lives, and so does what it lives by. */
export interface Parent {
  readonly standing: CredentialStanding
  /** Of its record, verified. */
  readonly document: CredentialDocument
  readonly opened: OpenedGrant
}

/** What the parent, or a ticket of it, says in a token that we signed. */
export interface ParentClaims {
  readonly id: CredentialId
  readonly grantId: GrantId
  readonly taskId: TaskId
}

/**
 * Whether the grant is in force, its document says; which grant and task it lives by, the
 * token says; who holds it and what it was handed on from, its record under a MAC: what a
 * store says of them is not believed above that (invariant 8).
 * @throws Fault `record_tampered` when its record was moved to another grant or task, or was not written by us
 */
export async function liveParent(
  { stores, safe, clock, credentialMac }: Pick<ExchangeDeps, 'stores' | 'safe' | 'clock' | 'credentialMac'>,
  { id, grantId, taskId }: ParentClaims,
): Promise<Result<Parent, ExchangeRefusal>> {
  const now = clock.now()
  const standing = await stores.issuance.look(id, now)
  if (standing === undefined) return refuse({ reason: 'parent_ended' })
  if (standing.grant.id !== grantId || standing.task.id !== taskId)
    throw new Fault(
      'record_tampered',
      `the record of credential ${id} names another grant or task than it was issued for`,
    )
  const document = openCredential(standing.credential, credentialMac)
  if (standing.task.state !== 'open') return refuse({ reason: 'task_ended' })
  const opened = safe.open(standing.grant)
  if (!isActive(opened.grant, now)) return refuse({ reason: 'grant_not_usable' })
  return standing.live ? ok({ standing, document, opened }) : refuse({ reason: 'parent_ended' })
}
