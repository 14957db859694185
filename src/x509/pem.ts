/** What the labels that we read and write stand for (RFC 7468 §4 to §10). */
export type PemLabel = 'CERTIFICATE' | 'CERTIFICATE REQUEST' | 'X509 CRL'

/** RFC 7468 §2: characters. */
const LINE = 64

export function toPem(label: PemLabel, der: Uint8Array): string {
  const body = Buffer.from(der.buffer, der.byteOffset, der.length).toString('base64')
  let lines = ''
  for (let at = 0; at < body.length; at += LINE) lines += `${body.slice(at, at + LINE)}\n`
  return `-----BEGIN ${label}-----\n${lines}-----END ${label}-----\n`
}

/**
 * The content of each block with this label, in order; `undefined` when there is none, or
 * one is broken. Text around blocks is skipped (RFC 7468 §2).
 */
export function fromPem(label: PemLabel, text: string): readonly Buffer[] | undefined {
  const [begin, end] = [`-----BEGIN ${label}-----`, `-----END ${label}-----`]
  const blocks: Buffer[] = []
  for (const part of text.split(begin).slice(1)) {
    const at = part.indexOf(end)
    const body = part.slice(0, Math.max(at, 0)).replaceAll(/\s/g, '')
    const bytes = Buffer.from(body, 'base64')
    if (at < 0 || bytes.length === 0 || bytes.toString('base64') !== body) return undefined
    blocks.push(bytes)
  }
  return blocks.length === 0 ? undefined : blocks
}
