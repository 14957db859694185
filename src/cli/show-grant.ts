import { parseTime, type EpochSeconds } from '../runtime/clock.js'
import { duration, facts, shown } from './text.js'
import type { GrantDocument } from './wire.js'

/** A grant as people read it before they decide: who, what, why, how long, and who else must agree. */
export function showGrant(grant: GrantDocument, now: EpochSeconds): string {
  return facts([
    ['grant', `${grant.id} (${grant.status}${grant.ended === undefined ? '' : `: ${endOf(grant)}`})`],
    ['who', whoOf(grant)],
    ['what', grant.access.map(accessLine).join('\n')],
    ['why', grant.purpose === '' ? '(no purpose given)' : `“${shown(grant.purpose)}”`],
    ['task', taskLine(grant)],
    ['credentials', credentialKinds(grant)],
    ['how long', howLong(grant)],
    ['handing on', handingOn(grant)],
    ['tier', shown(grant.tier)],
    ['asked by', `${grant.requested_by.kind} ${shown(grant.requested_by.id)}, owner ${shown(grant.owner)}`],
    ['decide by', grant.status === 'pending' ? `${grant.decide_by} (${remaining(grant.decide_by, now)})` : undefined],
    ['expires', grant.expires_at && `${grant.expires_at} (${remaining(grant.expires_at, now)})`],
    ['needs', grant.required_reviews.map(({ group, count }) => `${count} of ${shown(group)}`).join(', ')],
    ['reviews', grant.reviews.map(reviewLine).join('\n')],
    ['digest', grant.digest],
  ])
}

export const grantRow = (grant: GrantDocument, now: EpochSeconds): readonly string[] => [
  grant.id,
  grant.status,
  shown(grant.tier),
  shown(grant.requested_by.id),
  grant.access.map(({ scope, audience }) => shown(`${scope} at ${audience}`)).join('; '),
  grant.status === 'pending'
    ? remaining(grant.decide_by, now)
    : grant.expires_at
      ? remaining(grant.expires_at, now)
      : '',
]

export const GRANT_COLUMNS = ['GRANT', 'STATUS', 'TIER', 'ASKED BY', 'ACCESS', 'TIME LEFT'] as const

function whoOf({ delegate, sealed }: GrantDocument): string {
  const claims = Object.entries(delegate.claims).map(([name, pattern]) => `${name} = ${pattern}`)
  const run = Object.entries(sealed).map(([name, value]) => `${name} ${value}`)
  return [
    `${delegate.subject} of ${delegate.issuer}`,
    ...(claims.length === 0 ? [] : [`where ${claims.join(', ')}`]),
    run.length === 0 ? 'any run' : `this run alone: ${run.join(', ')}`,
  ]
    .map(shown)
    .join('\n')
}

function accessLine({ scope, audience, authorization_details: details }: GrantDocument['access'][number]): string {
  const lines = details.map((detail) => `  ${shown(JSON.stringify(detail))}`)
  return [shown(`${scope === '' ? '(details alone)' : scope} at ${audience}`), ...lines].join('\n')
}

function taskLine({ task }: GrantDocument): string {
  const count = task.max_tasks === 1 ? 'one task' : `up to ${task.max_tasks} tasks`
  return [count, task.description, task.reference]
    .filter((part) => part !== '')
    .map(shown)
    .join(' · ')
}

const howLong = ({ duration_seconds: seconds, credential }: GrantDocument): string =>
  `${duration(seconds)} from the approval on; each credential ${duration(credential.max_ttl_seconds)}` +
  (credential.binding === 'none' ? '' : `, bound by ${shown(credential.binding)}`)

const KINDS: Readonly<Record<string, string>> = { jwt: 'JWTs', x509: 'X.509 certificates' }

/** Names in certificates decide who somebody is at a database: they stand beside the kind. */
function credentialKinds({ credential: { types, names } }: GrantDocument): string {
  const kinds = types.map((type) => KINDS[type] ?? type).join(' and ')
  const carried = [
    ...(names?.common_name === undefined ? [] : [`CN ${names.common_name}`]),
    ...(names?.dns ?? []).map((name) => `DNS ${name}`),
  ]
  return shown(carried.length === 0 ? kinds : `${kinds}; certificates name ${carried.join(', ')}`)
}

const handingOn = ({ delegation }: GrantDocument): string | undefined =>
  delegation.to.length === 0
    ? undefined
    : `to ${delegation.to.map(shown).join(', ')}; depth ${delegation.max_depth}, children ${delegation.max_children}`

const reviewLine = ({ by, group, decision, reason, at }: GrantDocument['reviews'][number]): string =>
  shown(`${decision} by ${by} for ${group} at ${at}${reason === '' ? '' : `: ${reason}`}`)

const endOf = ({ ended }: GrantDocument): string => (ended === undefined ? '' : shown(`by ${ended.by} at ${ended.at}`))

function remaining(at: string, now: EpochSeconds): string {
  const then = parseTime(at)
  if (then === undefined) return shown(at)
  return then > now ? `${duration(then - now)} left` : 'over'
}
