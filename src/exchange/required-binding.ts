import type { Binding, CredentialType, Grant } from '../grants/grant.js'
import { joinBindings } from '../grants/join-tiers.js'
import type { Asked } from '../policy/resolve-access.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import {
  confirmationOf,
  keyNames,
  meetsBinding,
  type KeyConfirmation,
  type ProofOfPossession,
} from '../workloads/possession.js'
import type { ExchangeRefusal } from './refusal.js'
import { certifiedKeyName, type Wanted } from './wanted.js'

/**
 * The binding in force: what the tier asks for today, and what was
 * approved. A missing key is told before anything is spent.
 */
export function requireBinding(
  { tier }: Pick<Asked, 'tier'>,
  grant: Pick<Grant, 'terms'>,
  type: CredentialType,
  proof: ProofOfPossession,
): Result<Binding, ExchangeRefusal> {
  const binding = joinBindings(tier.binding, grant.terms.credential.binding)
  // Approved for one kind of key, and by now the tier asks for the other.
  if (binding === undefined) return refuse({ reason: 'grant_not_usable' })
  return meetsBinding(binding, type, proof) ? ok(binding) : refuse({ reason: 'binding_missing', binding })
}

/** The key that a JWT is bound to; a certificate is bound to the key that it is for, whatever else was proved. */
export const confirmationFor = (
  { type }: Pick<Wanted, 'type'>,
  binding: Binding,
  proof: ProofOfPossession,
): KeyConfirmation | undefined => (type === 'x509' ? undefined : confirmationOf(binding, proof))

/**
 * The keys that an assertion with `reuse: task` is bound to by its first use (contract §3). Where a key
 * is asked for and a CSR is what proved one, it is that: else whoever finds the assertion of a job
 * would certify keys of their own, for as long as the job runs.
 */
export function keysOfUse(wanted: Wanted, binding: Binding | undefined, proof: ProofOfPossession): readonly string[] {
  const proved = keyNames(proof)
  const byCsrAlone = wanted.type === 'x509' && binding !== 'none' && proved.length === 0
  return byCsrAlone ? [certifiedKeyName(wanted.request)] : proved
}
