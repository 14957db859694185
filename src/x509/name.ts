import { isUniversal, oidOf, textOf, type DerNode } from './read-der.js'

/** A distinguished name (RFC 5280 §4.1.2.4): its encoding, and what two of them are compared by. */
export interface Name {
  readonly der: Buffer
  /**
   * One text for each RDN, the values in it quoted, so that none passes for several; two names are the same when all of these are. Text is compared without regard to case, to how
   * many spaces stand together, and to whether it is a PrintableString or a UTF8String (RFC 5280 §7.1). Taking two names
   * for one does no harm: what is chained by name is chained by signature as well.
   */
  readonly rdns: readonly string[]
  /** In order; an RDN of several values in the order of its encoding. `text` is absent where it is no text that we read. */
  readonly attributes: readonly { readonly type: string; readonly text: string | undefined }[]
}

const MAX_ATTRIBUTES = 64

/** `undefined` when it is none. */
export function parseName(node: DerNode | undefined): Name | undefined {
  if (!isUniversal(node, 'sequence')) return undefined
  const rdns: string[] = []
  const attributes: { type: string; text: string | undefined }[] = []
  let count = 0
  for (const rdn of node.children) {
    if (!isUniversal(rdn, 'set') || rdn.children.length === 0) return undefined
    const keys: string[] = []
    for (const pair of rdn.children) {
      const [typeNode, value, ...rest] = pair.children
      const type = oidOf(typeNode)
      if (!isUniversal(pair, 'sequence') || type === undefined || value === undefined || rest.length > 0)
        return undefined
      if (++count > MAX_ATTRIBUTES) return undefined
      const text = textOf(value)
      attributes.push({ type, text })
      keys.push(`${type}=${text === undefined ? value.bytes.toString('hex') : JSON.stringify(comparable(text))}`)
    }
    rdns.push(keys.sort().join('+'))
  }
  return { der: node.bytes, rdns, attributes }
}

/** The essence of string preparation (RFC 4518 §2): compatibility forms, case, and spaces say nothing. */
const comparable = (text: string): string => text.normalize('NFKC').toLowerCase().replaceAll(/\s+/gu, ' ').trim()

export const isSameName = (a: Name, b: Name): boolean => a.rdns.length === b.rdns.length && isBelow(a, b)

/** Whether `name` is the base itself or lies below it (RFC 5280 §4.2.1.10, directoryName). */
export const isBelow = (name: Name, base: Name): boolean =>
  name.rdns.length >= base.rdns.length && base.rdns.every((rdn, at) => name.rdns[at] === rdn)
