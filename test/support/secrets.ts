/**
 * Searches texts for secrets (invariant 10). A secret is known by pieces of it, in every form in which it could have been
 * written: whatever holds 32 characters of one in a row holds a piece, so a part of a token is found like the whole.
 */
export interface SecretKeeper {
  /** A token, a code or a key from now on. `name` is what a finding is called; the secret itself is never repeated. */
  keep(secret: string | Buffer, name: string): void
  /** How many are known. */
  readonly size: number
  /** The names of those of which the text has a piece. */
  foundIn(text: string): readonly string[]
}

const PIECE = 16

export function createSecretKeeper(): SecretKeeper {
  const known = new Set<string>()
  const pieces = new Map<string, string>()

  const add = (form: string, name: string): void => {
    for (let at = 0; at + PIECE <= form.length; at += PIECE) pieces.set(form.slice(at, at + PIECE), name)
  }
  return {
    get size() {
      return known.size
    },
    keep(secret, name) {
      const id = typeof secret === 'string' ? secret : secret.toString('hex')
      if (known.has(id)) return
      known.add(id)
      for (const form of formsOf(secret)) add(form, name)
    },
    foundIn(text) {
      const found = new Set<string>()
      for (let at = 0; at + PIECE <= text.length; at += 1) {
        const name = pieces.get(text.slice(at, at + PIECE))
        if (name !== undefined) found.add(name)
      }
      return [...found]
    },
  }
}

const JWT = /^eyJ[\w-]+\.([\w-]{10,})\.([\w-]{10,})$/

function formsOf(secret: string | Buffer): readonly string[] {
  if (typeof secret !== 'string') return bytesForms(secret)
  const [, payload, signature] = JWT.exec(secret) ?? []
  // The header says only the algorithm and the key; what is read of the payload may be logged, but decoded.
  if (payload !== undefined && signature !== undefined)
    return [payload, signature, ...bytesForms(Buffer.from(signature, 'base64url'))]
  const bare = secret.replace(/^dc_/, '')
  const bytes = /^[\w+/-]{43}=?$/.test(bare) ? bytesForms(Buffer.from(bare, 'base64')) : []
  return [bare, ...bytesForms(Buffer.from(secret)), ...bytes]
}

const bytesForms = (bytes: Buffer): readonly string[] => [
  bytes.toString('base64url'),
  bytes.toString('base64'),
  bytes.toString('hex'),
  bytes.toString('hex').toUpperCase(),
]

/** What is a secret in a request or an answer by its looks: a signed token, or a code of ours. */
const LOOKS_SECRET = /eyJ[\w-]+\.[\w-]{10,}\.[\w-]{10,}|dc_[\w-]{43}/g

export const secretsIn = (text: string): readonly string[] => text.match(LOOKS_SECRET) ?? []
