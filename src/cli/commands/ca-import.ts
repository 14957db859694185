import type { Command } from 'commander'
import { readFileSync } from 'node:fs'
import { importChain } from '../authorities.js'
import { CommandError } from '../command-error.js'
import type { Bind } from '../context.js'
import { EXIT } from '../exit-codes.js'

const EXAMPLES = `
Example:
  $ errand ca import errand-chain.pem   the certificate for \`errand ca csr\` first, what is above it after it, the root last

It waits as the next one until \`errand ca rotate\`; the CRL of its root: \`errand ca import-crl\`.`

export const caImport = (parent: Command, bind: Bind): Command =>
  bind<object, [string]>(
    parent
      .command('import')
      .description('the signed certificate for the request of `errand ca csr`, with its chain')
      .argument('<chain>', 'a PEM file')
      .addHelpText('after', EXAMPLES),
    async ({ session, output, io }, _options, file) => {
      const imported = await importChain(session.settings(), io, read(file).toString('utf8'))
      if (!imported.ok) throw refused(imported.refusal)
      const { published, activated } = imported.value
      output.result(imported.value, () =>
        activated.length > 0 ? `signs now:  ${activated.join(', ')}` : `published:  ${published.join(', ')}`,
      )
      if (published.length > 0) output.note('it signs after `errand ca rotate`, 15 minutes from now or later')
      return undefined
    },
  )

type Refusal = Extract<Awaited<ReturnType<typeof importChain>>, { ok: false }>['refusal']

const refused = (refusal: Refusal): CommandError =>
  refusal.reason === 'no_request'
    ? new CommandError(EXIT.refused, 'no request waits for a certificate', 'make one: errand ca csr', refusal.reason)
    : new CommandError(
        EXIT.refused,
        `the chain cannot be used: ${refusal.detail}`,
        'have it signed as a CA, and give the certificate first, each followed by the one that signed it',
        refusal.reason,
      )

/** @throws CommandError when the file cannot be read */
export function read(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch {
    throw new CommandError(EXIT.usage, `${file} cannot be read`)
  }
}
