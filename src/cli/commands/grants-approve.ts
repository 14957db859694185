import type { Command } from 'commander'
import { grantId } from '../arguments.js'
import { confirm } from '../confirm.js'
import type { Bind } from '../context.js'
import { CommandError } from '../command-error.js'
import { EXIT } from '../exit-codes.js'
import { checkTerms, readGrant, reviewGrant } from '../grants.js'
import { showGrant } from '../show-grant.js'
import type { GrantDocument } from '../wire.js'

interface Options {
  readonly yes?: boolean
  readonly digest?: string
  readonly group?: string
  readonly reason?: string
}

const EXAMPLES = `
Examples:
  $ errand grants approve gr_5c…                               shows what it is, and asks
  $ errand grants approve gr_5c… --yes --digest sha256:9f…     in a script: only if it is exactly this`

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
      .addHelpText('after', EXAMPLES),
    async ({ session, output, io }, options, id) => {
      const api = session.api()
      const grant = await readGrant(api, session.personToken(), id)
      await checkTerms(api, grant)
      checkDigest(grant, options.digest)
      output.note(showGrant(grant, io.clock.now()))
      if (options.yes !== true) await confirm(io, 'Approve this?')
      const { group, reason } = options
      // The local person's token lives for a minute, and the question may have stood there for longer.
      const after = await reviewGrant(api, session.personToken(), id, {
        decision: 'approve',
        digest: grant.digest,
        ...(group === undefined ? {} : { group }),
        ...(reason === undefined ? {} : { reason }),
      })
      output.result(after, () => outcomeOf(after))
      return undefined
    },
  )

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
