import { readFile } from 'node:fs/promises'
import { ok, refuse, type Result } from '../runtime/result.js'
import { parseCrl, type ParsedCrl } from '../x509/crl.js'
import { fromPem } from '../x509/pem.js'

/**
 * Revocation lists of other CAs, from files that something else keeps fresh. Read anew when asked to; a file that cannot be
 * read leaves the last list in place until its own `nextUpdate`, and then nothing below its CA is believed.
 */
export interface RevocationLists {
  of(files: readonly string[]): readonly ParsedCrl[]
  /** Reads them all. Called at the start and now and then; never rejects. */
  refresh(): Promise<void>
}

export interface RevocationListsDeps {
  /** Absolute. */
  readonly files: readonly string[]
  readonly onFailed: (file: string, detail: string) => void
}

export function createRevocationLists({ files, onFailed }: RevocationListsDeps): RevocationLists {
  const held = new Map<string, { readonly bytes: Buffer; readonly crls: readonly ParsedCrl[] }>()
  const refreshOne = async (file: string): Promise<void> => {
    const bytes = await readFile(file).catch(() => undefined)
    if (bytes === undefined) {
      onFailed(file, 'it cannot be read')
      return
    }
    if (held.get(file)?.bytes.equals(bytes) === true) return
    const crls = parseCrlFile(bytes)
    if (crls.ok) held.set(file, { bytes, crls: crls.value })
    else onFailed(file, crls.refusal)
  }
  return {
    of: (wanted) => wanted.flatMap((file) => held.get(file)?.crls ?? []),
    refresh: async () => {
      for (const file of new Set(files)) await refreshOne(file)
    },
  }
}

/** One list in DER, or any number in PEM. */
export function parseCrlFile(bytes: Buffer): Result<readonly ParsedCrl[], string> {
  const text = bytes.toString('latin1')
  const blocks = text.includes('-----BEGIN ') ? fromPem('X509 CRL', text) : [bytes]
  if (blocks === undefined) return refuse('holds no X509 CRL')
  const crls: ParsedCrl[] = []
  for (const der of blocks) {
    const crl = parseCrl(der)
    if (!crl.ok) return crl
    crls.push(crl.value)
  }
  return ok(crls)
}
