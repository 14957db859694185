import type { Command } from 'commander'
import { readFileSync } from 'node:fs'
import { CommandError } from '../command-error.js'
import type { Bind } from '../context.js'
import { openDpopKey, proofOf } from '../dpop-key.js'
import { EXIT } from '../exit-codes.js'
import { tokenIn } from '../session.js'

interface Options {
  readonly dpopKey: string
  readonly target: string
  readonly method: string
  readonly credentialFile?: string
  readonly nonce?: string
}

const EXAMPLE = `
Example: a request to a resource server, by a credential that is bound to a key
  $ curl -H "Authorization: DPoP $(cat credential)" \\
      -H "DPoP: $(errand proof --dpop-key key.pem --credential-file credential --target https://deploy.example.com/x)" \\
      https://deploy.example.com/x`

export const proof = (parent: Command, bind: Bind): Command =>
  bind<Options, []>(
    parent
      .command('proof')
      .description('print a DPoP proof for one request: what a bound credential is presented with')
      .requiredOption('--dpop-key <file>', 'the key that the credential is bound to')
      .requiredOption('--target <url>', 'the URL of the request')
      .option('--method <method>', 'its method', 'GET')
      .option('--credential-file <file>', 'the credential that goes with it')
      .option('--nonce <nonce>', 'what the resource server said in its DPoP-Nonce header')
      .addHelpText('after', EXAMPLE),
    async ({ io, output }, { dpopKey, target: url, method, credentialFile, nonce }) => {
      if (!URL.canParse(url)) throw new CommandError(EXIT.usage, `${url} is not a URL`)
      const token = credentialFile === undefined ? undefined : readCredential(credentialFile)
      const text = await proofOf(openDpopKey(dpopKey, output.note), { method, url, token, nonce }, io.clock)
      output.result({ proof: text }, () => text)
      return undefined
    },
  )

export function readCredential(file: string): string {
  try {
    return tokenIn(readFileSync(file, 'utf8'), `${file} holds no credential`)
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(EXIT.usage, `${file} cannot be read`)
  }
}
