import type { Command } from 'commander'
import { formatFault } from '../../config/fault.js'
import { configFile, readSettings } from '../../config/read-settings.js'
import type { Bind } from '../context.js'
import { EXIT } from '../exit-codes.js'

export const configCheck = (parent: Command, bind: Bind): Command =>
  bind<object, [file: string | undefined]>(
    parent
      .command('check')
      .description('read a configuration, say everything that is wrong with it, and start nothing')
      .argument('[file]', 'by default what `errand serve` would read')
      .addHelpText('after', '\nExample:\n  $ errand config check /etc/errand/errand.yaml'),
    ({ io, output, options }, _, file) => {
      const path = file ?? options.config
      const name = configFile(path, io.env)
      const loaded = readSettings(path, io.env)
      const faults = loaded.ok ? [] : loaded.refusal
      output.result({ file: name, ok: loaded.ok, faults }, () =>
        loaded.ok
          ? `${name}: good; ${loaded.value.issuer} on the ${loaded.value.store.kind} store`
          : [
              `${name}: ${faults.length === 1 ? '1 fault' : `${faults.length} faults`}`,
              ...faults.map(formatFault),
            ].join('\n'),
      )
      return loaded.ok ? undefined : EXIT.usage
    },
  )
