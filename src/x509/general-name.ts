import { isUniversal, oidOf, type DerNode } from './read-der.js'
import { parseName, type Name } from './name.js'

/** A GeneralName (RFC 5280 §4.2.1.6). Forms that nobody here uses are kept by their tag, so that a constraint on them can refuse. */
export type GeneralName =
  | { readonly form: 'dns' | 'uri' | 'email'; readonly text: string }
  | { readonly form: 'ip'; readonly octets: Buffer }
  | { readonly form: 'directory'; readonly name: Name }
  | { readonly form: 'other'; readonly tag: number; readonly type: string | undefined }

const TEXTS: ReadonlyMap<number, 'dns' | 'uri' | 'email'> = new Map([
  [1, 'email'],
  [2, 'dns'],
  [6, 'uri'],
])
const OTHER_NAME = 0
const DIRECTORY_NAME = 4
const IP_ADDRESS = 7
const REGISTERED_ID = 8

/** No white space and no control characters: a name with a NUL in it is read as two different names by two readers. */
const VISIBLE = /^[\x21-\x7e]*$/

/** `undefined` when it is none. Lengths and meaning are checked by whoever asks. */
export function parseGeneralName(node: DerNode): GeneralName | undefined {
  const { tagClass, tag, constructed, content, children } = node
  if (tagClass !== 'context' || tag > REGISTERED_ID) return undefined
  const form = TEXTS.get(tag)
  if (form !== undefined) {
    const text = content.toString('latin1')
    return !constructed && VISIBLE.test(text) ? { form, text } : undefined
  }
  if (tag === IP_ADDRESS) return constructed ? undefined : { form: 'ip', octets: content }
  if (tag === DIRECTORY_NAME) {
    // A Name is a CHOICE, so its tag is explicit (X.680 §31.2.7).
    const name = constructed && children.length === 1 ? parseName(children[0]) : undefined
    return name === undefined ? undefined : { form: 'directory', name }
  }
  return { form: 'other', tag, type: tag === OTHER_NAME ? oidOf(children[0]) : undefined }
}

const MAX_NAMES = 128

/** GeneralNames: at least one. */
export function parseGeneralNames(node: DerNode | undefined): readonly GeneralName[] | undefined {
  if (!isUniversal(node, 'sequence') || node.children.length === 0 || node.children.length > MAX_NAMES) return undefined
  const names: GeneralName[] = []
  for (const child of node.children) {
    const name = parseGeneralName(child)
    if (name === undefined || !isWhole(name)) return undefined
    names.push(name)
  }
  return names
}

/** RFC 5280 §4.2.1.6: no empty names, and addresses of 4 or 16 octets. */
function isWhole(name: GeneralName): boolean {
  switch (name.form) {
    case 'dns':
    case 'uri':
    case 'email':
      return name.text !== ''
    case 'ip':
      return name.octets.length === 4 || name.octets.length === 16
    case 'directory':
    case 'other':
      return true
  }
}
