import { readFile } from 'node:fs/promises'

/** A bearer token from its file, read anew each time: projected tokens rotate. `undefined` when there is none that could be sent. */
export async function readTokenFile(file: string): Promise<string | undefined> {
  try {
    const token = (await readFile(file, 'utf8')).trim()
    return /^[\x21-\x7e]{1,16384}$/.test(token) ? token : undefined
  } catch {
    return undefined
  }
}
