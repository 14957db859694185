import type { Command } from 'commander'
import { requestAuthority } from '../authorities.js'
import type { Bind } from '../context.js'

interface Options {
  readonly newKey?: boolean
}

const EXAMPLES = `
Examples:
  $ errand ca csr > errand.csr         for the root of your own; its key never leaves the broker
  $ errand ca import errand-chain.pem  what came back: the certificate, and what is above it
  $ errand ca rotate                   sign with it from now on`

export const caCsr = (parent: Command, bind: Bind): Command =>
  bind<Options, []>(
    parent
      .command('csr')
      .description('a request for an issuing CA below a root of your own, as PEM')
      .option('--new-key', 'for another key than the last request that nothing came back for')
      .addHelpText('after', EXAMPLES),
    async ({ session, output, io }, { newKey = false }) => {
      const csr = await requestAuthority(session.settings(), io, newKey)
      output.result({ csr }, () => csr.trimEnd())
      output.note('sign it as a CA (path length 0, keyCertSign and cRLSign), then: errand ca import CHAIN.pem')
      return undefined
    },
  )
