import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { CommandError } from './command-error.js'
import { EXIT } from './exit-codes.js'

/** A private key in a file, PEM. One that is not there is made, EC P-256, for its owner's eyes alone; it never leaves this machine. */
export function openPrivateKey(file: string, note: (text: string) => void): KeyObject {
  const pem = readPem(file) ?? makePem(file, note)
  try {
    return createPrivateKey(pem)
  } catch {
    throw new CommandError(EXIT.usage, `${file} holds no private key`, 'PEM, without a password')
  }
}

function readPem(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new CommandError(EXIT.usage, `${file} cannot be read`)
  }
}

function makePem(file: string, note: (text: string) => void): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  try {
    writeFileSync(file, pem, { mode: 0o600, flag: 'wx' })
  } catch {
    throw new CommandError(EXIT.usage, `${file} cannot be made`)
  }
  note(`made the key ${file}: whoever has it can use what is bound to it`)
  return pem
}
