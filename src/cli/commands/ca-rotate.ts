import type { Command } from 'commander'
import { formatTime } from '../../runtime/clock.js'
import { rotateAuthority } from '../authorities.js'
import { CommandError } from '../command-error.js'
import type { Bind } from '../context.js'
import { EXIT } from '../exit-codes.js'

interface Options {
  readonly atOnce?: boolean
  readonly leaked?: boolean
}

const EXAMPLES = `
Examples:
  $ errand ca rotate             what was signed stays good; the CRL of the old CA goes on until it has expired
  $ errand ca rotate --at-once   even if verifiers may not have the CRL of the next CA yet
  $ errand ca rotate --leaked    its key leaked: at once, and nothing that it signed is believed any more`

export const caRotate = (parent: Command, bind: Bind): Command =>
  bind<Options, []>(
    parent
      .command('rotate')
      .description('sign with the next CA from now on')
      .option('--at-once', 'do not wait until verifiers can have its CRL')
      .option('--leaked', 'the key of the current one has leaked')
      .addHelpText('after', EXAMPLES),
    async ({ session, output, io }, { atOnce = false, leaked = false }) => {
      const rotated = await rotateAuthority(session.settings(), io, { atOnce, leaked })
      if (!rotated.ok) throw refused(rotated.refusal)
      const { activated, retired, published, revoked, unlisted } = rotated.value
      output.result(rotated.value, () =>
        [
          ['signs now: ', activated],
          ['retired:   ', retired],
          ['taken back:', revoked],
          ['published: ', published],
        ]
          .filter(([, ids]) => ids?.length !== 0)
          .map(([what, ids]) => `${String(what)} ${[ids].flat().join(', ')}`)
          .join('\n'),
      )
      if (unlisted.length > 0) output.note('its root is not ours: have the root revoke it, then errand ca import-crl')
      if (leaked && activated.length === 0)
        output.note('no CA signs now: errand ca csr, have it signed, errand ca import; or put new files under pki')
      return undefined
    },
  )

type Refusal = Extract<Awaited<ReturnType<typeof rotateAuthority>>, { ok: false }>['refusal']

const refused = (refusal: Refusal): CommandError =>
  refusal.reason === 'no_next_authority'
    ? new CommandError(
        EXIT.refused,
        'there is no next CA: its root is not ours',
        'errand ca csr, have it signed, errand ca import; or put new files under pki',
        refusal.reason,
      )
    : new CommandError(
        EXIT.refused,
        `the next CA was published a short time ago: verifiers can have its CRL from ${formatTime(refusal.usableAt)} on`,
        'try again then, or add --at-once',
        refusal.reason,
      )
