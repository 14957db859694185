import type { Command } from 'commander'
import { digestOf } from '../../grants/digest.js'
import type { Terms } from '../../grants/grant.js'
import type { EpochSeconds } from '../../runtime/clock.js'
import { grantId, repeated, seconds, wholeNumber } from '../arguments.js'
import { CommandError } from '../command-error.js'
import { confirm } from '../confirm.js'
import type { Bind } from '../context.js'
import { EXIT } from '../exit-codes.js'
import { checkTerms, readGrant, reviewGrant } from '../grants.js'
import { narrowTerms, type Narrowing } from '../narrow-terms.js'
import { showGrant } from '../show-grant.js'
import type { GrantDocument } from '../wire.js'

interface Options extends Narrowing {
  readonly yes?: boolean
  readonly digest?: string
  readonly group?: string
  readonly reason?: string
}

const EXAMPLES = `
Examples:
  $ errand grants approve gr_5c…                               shows what it is, and asks
  $ errand grants approve gr_5c… --yes --digest sha256:9f…     in a script: only if it is exactly this
  $ errand grants approve gr_5c… --scope deploy:staging --duration 15m     less than was asked for

Whoever approves less voids the approvals that were given before: those who gave them have to look again.`

export const grantsApprove = (parent: Command, bind: Bind): Command =>
  bind<Options, [id: string]>(
    parent
      .command('approve')
      .description('approve a grant, after it has been shown: who, what, why and for how long')
      .argument('<grant>', 'its id', grantId)
      .option('--yes', 'do not ask')
      .option('--digest <digest>', 'approve only if the terms have this digest')
      .option('--group <group>', 'the group you approve for; needed only if you are in several that must')
      .option('--reason <text>', 'for the evidence')
      .option('--scope <scope>', 'of the scopes that are asked for, only this; repeat it for several', repeated)
      .option('--duration <time>', 'a shorter life of the grant', seconds)
      .option('--max-ttl <time>', 'a shorter life of each credential', seconds)
      .option('--max-tasks <count>', 'fewer tasks', wholeNumber)
      .option('--terms <file>', 'anything else that is to be narrower: members of the terms, as JSON')
      .addHelpText('after', EXAMPLES),
    async ({ session, output, io }, options, id) => {
      const api = session.api()
      const grant = await readGrant(api, session.personToken(), id)
      const terms = await checkTerms(api, grant)
      checkDigest(grant, options.digest)
      const narrowed = narrowTerms(terms, options)
      output.note(showGrant(grant, io.clock.now()))
      if (narrowed !== undefined) output.note(showNarrowing(grant, narrowed, io.clock.now()))
      if (options.yes !== true) await confirm(io, 'Approve this?')
      const { group, reason } = options
      // The local person's token lives for a minute, and the question may have stood there for longer.
      const after = await reviewGrant(api, session.personToken(), id, {
        decision: 'approve',
        ...(narrowed === undefined ? { digest: grant.digest } : { digest: digestOf(narrowed), terms: narrowed }),
        ...(group === undefined ? {} : { group }),
        ...(reason === undefined ? {} : { reason }),
      })
      output.result(after, () => outcomeOf(after))
      return undefined
    },
  )

/** The lines that would be other ones, and what becomes of others' approvals. */
function showNarrowing(grant: GrantDocument, terms: Terms, now: EpochSeconds): string {
  const before = new Set(showGrant(grant, now).split('\n'))
  const after = showGrant({ ...grant, ...terms, id: grant.id, digest: digestOf(terms) }, now)
  const changed = after.split('\n').filter((line) => !before.has(line))
  const given = grant.reviews.length
  const voided = given === 0 ? [] : [`${given === 1 ? 'the review' : `the ${given} reviews`} given before will be void`]
  return ['', 'approved would be less than that:', ...changed, ...voided].join('\n')
}

function checkDigest(grant: GrantDocument, expected: string | undefined): void {
  if (expected === undefined || expected === grant.digest) return
  throw new CommandError(
    EXIT.refused,
    `these are other terms: their digest is ${grant.digest}`,
    `look at them with: errand grants show ${grant.id}`,
  )
}

function outcomeOf({ id, status, expires_at, required_reviews, reviews }: GrantDocument): string {
  if (status === 'active') return `${id} is active until ${expires_at ?? 'it ends'}`
  const missing = required_reviews.flatMap(({ group, count }) => {
    const given = reviews.filter((review) => review.group === group && review.decision === 'approve').length
    return given < count ? [`${count - given} of ${group}`] : []
  })
  return `your approval is recorded; ${id} is ${status}${missing.length === 0 ? '' : `, it needs ${missing.join(' and ')}`}`
}
