import { sealFacts } from '../grants/certificate-facts.js'
import type { OpenedGrant } from '../grants/choose.js'
import { canonicalTerms, digestOf } from '../grants/digest.js'
import { credentialDocument, taskDocument, type CredentialDocument } from '../grants/documents.js'
import type { Access, Grant } from '../grants/grant.js'
import type { Claim, Whereabouts } from '../grants/grant-store.js'
import type { Issuance, Recorded, TaskRecord } from '../grants/issuance-store.js'
import { sealCredential } from '../grants/sealed-credential.js'
import { isUnseparated } from '../grants/separation.js'
import { hasRunIds, holderOf, whereaboutsOf } from '../grants/whereabouts.js'
import type { AccessTokenClaims, Act } from '../issuance/jwt.js'
import { TOKEN_TYPE } from '../oauth/urns.js'
import type { Asked } from '../policy/resolve-access.js'
import type { EpochSeconds } from '../runtime/clock.js'
import { sha256Base64url } from '../runtime/digest.js'
import { Fault } from '../runtime/fault.js'
import type { CredentialId, TaskId } from '../runtime/ids.js'
import type { KeyConfirmation } from '../workloads/possession.js'
import type { Workload } from '../workloads/workload.js'
import { evidenceOf, signCertificate, type Certifying } from './certify.js'
import { CONFIRM_WITHIN } from './delivery.js'
import type { ExchangeDeps } from './dependencies.js'
import type { Issued } from './outcome.js'
import type { Wanted } from './wanted.js'

/** Everything that was decided about one credential. */
export interface Plan {
  readonly where: Whereabouts
  /** Who acts. */
  readonly workload: Workload
  readonly asked: Asked
  /** What is granted: what was asked, or less where an approval was narrowed. */
  readonly access: Access
  readonly grant: { readonly use: OpenedGrant } | { readonly create: OpenedGrant; readonly rules: readonly string[] }
  readonly task: { readonly renew: TaskId } | { readonly open: OpenTask }
  readonly claims: readonly Claim[]
  /** The key that the credential is bound to; `undefined`: whoever holds it can use it. */
  readonly boundTo: KeyConfirmation | undefined
  readonly lifetime: number | undefined
  readonly wanted: Wanted
  readonly deferral?: string
  readonly handedOn?: HandedOn
  readonly now: EpochSeconds
}

export interface OpenTask {
  readonly name: string
  readonly runVersion: number
  readonly endsRun: boolean
}

/** The parent's side of a credential that is handed on. */
export interface HandedOn {
  readonly sub: string
  readonly parentId: CredentialId
  readonly ancestors: readonly CredentialId[]
  readonly parentExpiresAt: EpochSeconds
  readonly act: Act
  readonly ticket: Claim
  readonly holder: string
  readonly maxChildren: number
}

export type IssueResult =
  { readonly recorded: Issued } | { readonly refused: Exclude<Recorded, 'recorded'> | 'no_time_left' }

/** Record as intended, with its evidence; then sign (invariant 9). Nothing is signed that is not recorded. */
export async function issue(deps: ExchangeDeps, plan: Plan): Promise<IssueResult> {
  const { grant } = 'use' in plan.grant ? plan.grant.use : plan.grant.create
  // One authority for the record and the signature; whether there is one is known before anything is spent.
  const certifying = plan.wanted.type === 'x509' ? { ...plan.wanted, authority: deps.authority() } : undefined
  const expiresAt = Math.min(expiryOf(plan, grant), certifying?.authority.notAfter ?? Number.POSITIVE_INFINITY)
  if (expiresAt <= plan.now) return { refused: 'no_time_left' }
  const credentialId = deps.ids.credentialId(plan.where.shard)
  const taskId = 'renew' in plan.task ? plan.task.renew : deps.ids.taskId(plan.where.shard)
  const leaseUntil = Math.max(plan.now + deps.limits.lease, expiresAt)
  const made: Made = { grant, credentialId, taskId, expiresAt, leaseUntil, certifying }
  const answer = await recordOrVoid(deps, issuanceOf(deps, plan, made))
  if (answer !== 'recorded') return { refused: answer }

  return {
    recorded: {
      kind: 'issued',
      credentialId,
      token: signOrVoid(deps, plan, made),
      ...typesOf(plan),
      expiresIn: expiresAt - plan.now,
      scope: plan.access.scope,
      authorizationDetails: plan.access.authorization_details,
      grantId: grant.terms.id,
      taskId,
      leaseSeconds: leaseUntil - plan.now,
    },
  }
}

function typesOf({ wanted, boundTo }: Plan): Pick<Issued, 'issuedTokenType' | 'tokenType'> {
  if (wanted.type === 'x509') return { issuedTokenType: TOKEN_TYPE.x509Certificate, tokenType: 'N_A' }
  const byDpop = boundTo !== undefined && 'jkt' in boundTo
  return { issuedTokenType: wanted.urn, tokenType: byDpop ? 'DPoP' : 'Bearer' }
}

/** `min(asked, tier, grant, parent)` (contract §2, "Lifetime"); what signs may end it sooner. */
function expiryOf(plan: Plan, grant: Grant): EpochSeconds {
  const ttl = Math.min(
    plan.lifetime ?? Number.POSITIVE_INFINITY,
    plan.asked.tier.maxTtl,
    grant.terms.credential.max_ttl_seconds,
  )
  return Math.min(plan.now + ttl, grant.expiresAt ?? 0, plan.handedOn?.parentExpiresAt ?? Number.POSITIVE_INFINITY)
}

interface Made {
  readonly grant: Grant
  readonly credentialId: CredentialId
  readonly taskId: TaskId
  readonly expiresAt: EpochSeconds
  readonly leaseUntil: EpochSeconds
  readonly certifying: Certifying | undefined
}

function issuanceOf(deps: ExchangeDeps, plan: Plan, made: Made): Issuance {
  const { where, now, handedOn } = plan
  const credential = {
    id: made.credentialId,
    grantId: made.grant.terms.id,
    taskId: made.taskId,
    ancestors: handedOn?.ancestors ?? [],
    expiresAt: made.expiresAt,
  }
  return {
    where,
    claims: plan.claims,
    grant:
      'use' in plan.grant
        ? { id: plan.grant.use.record.id, version: plan.grant.use.record.version }
        : { create: plan.grant.create.record },
    task:
      'renew' in plan.task
        ? { renew: plan.task.renew, errand: where.errand }
        : { open: taskRecordOf(plan, plan.task.open, made), runVersion: plan.task.open.runVersion },
    leaseUntil: made.leaseUntil,
    credential: {
      ...credential,
      document: credentialDocument(sealCredential(documentOf(deps, plan, made), credential, deps.credentialMac)),
      ...(made.certifying === undefined ? {} : { certificate: { authority: made.certifying.authority.id } }),
    },
    ...(handedOn === undefined
      ? {}
      : { handedOn: { ticket: handedOn.ticket, holder: handedOn.holder, maxChildren: handedOn.maxChildren } }),
    ...(plan.deferral === undefined ? {} : { deferral: plan.deferral }),
    unsentAt: now + CONFIRM_WITHIN,
    events: eventsOf(deps, plan, made),
    now,
  }
}

function documentOf(
  { credentialMac }: ExchangeDeps,
  { workload, access, boundTo, handedOn }: Plan,
  { certifying, credentialId, grant, taskId }: Made,
): Omit<CredentialDocument, 'mac'> {
  const isBound = boundTo !== undefined || certifying !== undefined
  return {
    workload: workload.spiffeId,
    audience: access.audience,
    holder: holderOf(workload, []),
    ...(isBound && hasRunIds(workload) ? { where: whereaboutsOf(workload, '') } : {}),
    ...(certifying === undefined
      ? {}
      : {
          certificate: sealFacts(
            {
              sub: handedOn?.sub ?? workload.spiffeId,
              clientId: workload.spiffeId,
              ...(handedOn === undefined ? {} : { act: handedOn.act }),
              access,
              key: sha256Base64url(certifying.request.spki),
            },
            { id: credentialId, grantId: grant.terms.id, taskId },
            credentialMac,
          ),
        }),
  }
}

function taskRecordOf({ where, workload, now }: Plan, open: OpenTask, made: Made): TaskRecord {
  return {
    id: made.taskId,
    grantId: made.grant.terms.id,
    state: 'open',
    openedAt: now,
    leaseUntil: made.leaseUntil,
    endsRun: open.endsRun,
    run: where.run,
    errand: where.errand,
    document: taskDocument({
      workload: workload.spiffeId,
      task: open.name,
      sealed: workload.sealed,
      holder: holderOf(workload, []),
    }),
  }
}

function eventsOf({ describe }: ExchangeDeps, plan: Plan, made: Made): Issuance['events'] {
  const { where, workload, now } = plan
  const grantId = made.grant.terms.id
  const taskId = made.taskId
  const subject = { grantId, taskId, workload: workload.spiffeId }
  const events = []
  if ('create' in plan.grant)
    events.push(
      describe(
        where.shard,
        'grant.activated',
        now,
        {
          grantId,
          workload: workload.spiffeId,
          person: `rule:${plan.grant.rules.join('+')}`,
          audience: plan.access.audience,
        },
        { digest: digestOf(made.grant.terms), terms: canonicalTerms(made.grant.terms) },
      ),
    )
  if ('open' in plan.task)
    events.push(
      describe(where.shard, 'task.opened', now, subject, { task: plan.task.open.name, sealed: workload.sealed }),
    )
  events.push(
    describe(
      where.shard,
      'credential.issued',
      now,
      {
        ...subject,
        credentialId: made.credentialId,
        audience: plan.access.audience,
        ...(plan.handedOn === undefined ? {} : { parentId: plan.handedOn.parentId }),
      },
      {
        ...(made.certifying === undefined ? { type: 'jwt' } : evidenceOf(made.certifying, made.grant)),
        scope: plan.access.scope,
        authorization_details: plan.access.authorization_details,
        expires_at: made.expiresAt,
        assertion: workload.assertion.key,
        ...(plan.boundTo === undefined ? {} : { cnf: plan.boundTo }),
        ...(plan.handedOn === undefined && isUnseparated(made.grant, workload) ? { unseparated: true } : {}),
      },
    ),
  )
  return events
}

/**
 * When nobody can say whether it was recorded, it is voided: the
 * caller hears 503, and what stands behind that never works.
 */
async function recordOrVoid(deps: ExchangeDeps, issuance: Issuance): Promise<Recorded> {
  try {
    return await deps.stores.issuance.record(issuance)
  } catch (error) {
    deps.delivery.unsent(issuance.credential.id)
    throw error
  }
}

function signOrVoid(deps: ExchangeDeps, plan: Plan, made: Made): string {
  try {
    return made.certifying === undefined
      ? deps.tokens.signAccessToken(claimsOf(deps.issuer, plan, made), plan.asked.resource.signingAlg)
      : signCertificate(plan, made, made.certifying)
  } catch (error) {
    deps.delivery.unsent(made.credentialId)
    throw error instanceof Fault
      ? error
      : new Fault('key_unavailable', 'the credential could not be signed', { cause: error })
  }
}

/** RFC 9068 and contract §2. */
function claimsOf(
  issuer: string,
  { access, workload, handedOn, boundTo, now }: Plan,
  { grant, credentialId, taskId, expiresAt }: Made,
): AccessTokenClaims {
  return {
    iss: issuer,
    sub: handedOn?.sub ?? workload.spiffeId,
    client_id: workload.spiffeId,
    aud: access.audience,
    iat: now,
    nbf: now,
    exp: expiresAt,
    jti: credentialId,
    ...(access.scope === '' ? {} : { scope: access.scope }),
    ...(access.authorization_details.length === 0 ? {} : { authorization_details: access.authorization_details }),
    grant_id: grant.terms.id,
    task_id: taskId,
    ...(handedOn === undefined ? {} : { act: handedOn.act }),
    ...(boundTo === undefined ? {} : { cnf: boundTo }),
  }
}
