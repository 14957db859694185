import type { Command } from 'commander'
import { importCrl } from '../authorities.js'
import { CommandError } from '../command-error.js'
import type { Bind } from '../context.js'
import { EXIT } from '../exit-codes.js'
import { read } from './ca-import.js'

const EXAMPLES = `
Example:
  $ errand ca import-crl root.crl       PEM or DER; served at /crl/<id of the root>

Who checks a chain by CRLs wants one of every CA: keep that of an offline root in force.`

export const caImportCrl = (parent: Command, bind: Bind): Command =>
  bind<object, [string]>(
    parent
      .command('import-crl')
      .description('the CRL of a root, or of another CA above ours, that is not made here')
      .argument('<crl>', 'a PEM or DER file')
      .addHelpText('after', EXAMPLES),
    async ({ session, output, io }, _options, file) => {
      const imported = await importCrl(session.settings(), io, read(file))
      if (!imported.ok)
        throw new CommandError(
          EXIT.refused,
          `the CRL cannot be served: ${imported.refusal.detail}`,
          'give the newest complete CRL of a CA that `errand ca list` shows as above',
          imported.refusal.reason,
        )
      output.result(imported.value, () => `served at /crl/${imported.value.id}`)
      return undefined
    },
  )
