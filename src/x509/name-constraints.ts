import { isUniversal, isContext, type DerNode } from './read-der.js'
import { parseGeneralName, type GeneralName } from './general-name.js'
import { isBelow, type Name } from './name.js'
import { OIDS } from './oids.js'

/** What a CA may name (RFC 5280 §4.2.1.10). */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[]
  readonly excluded: readonly GeneralName[]
}

const MAX_SUBTREES = 128

/** `undefined` for what is malformed, and for the distances that RFC 5280 does not allow (`minimum`, `maximum`). */
export function parseNameConstraints(node: DerNode | undefined): NameConstraints | undefined {
  if (!isUniversal(node, 'sequence') || node.children.length === 0 || node.children.length > 2) return undefined
  const trees = { permitted: [] as GeneralName[], excluded: [] as GeneralName[] }
  let last = -1
  for (const list of node.children) {
    if (!(isContext(list, 0) || isContext(list, 1)) || !list.constructed || list.tag <= last) return undefined
    last = list.tag
    if (list.children.length === 0 || list.children.length > MAX_SUBTREES) return undefined
    for (const subtree of list.children) {
      const base = readSubtree(subtree)
      if (base === undefined) return undefined
      trees[list.tag === 0 ? 'permitted' : 'excluded'].push(base)
    }
  }
  return trees
}

function readSubtree(node: DerNode): GeneralName | undefined {
  const [base, ...distances] = node.children
  // `minimum` is zero and so not written, `maximum` is absent.
  if (!isUniversal(node, 'sequence') || base === undefined || distances.length > 0) return undefined
  const name = parseGeneralName(base)
  return name === undefined || !isBase(name) ? undefined : name
}

function isBase(name: GeneralName): boolean {
  switch (name.form) {
    case 'dns':
      return name.text === '' || isHostName(name.text)
    case 'uri':
      return isHostName(withoutDot(name.text))
    case 'email':
      return name.text.includes('@') ? mailboxOf(name.text) !== undefined : isHostName(withoutDot(name.text))
    case 'ip':
      return isRange(name.octets)
    case 'directory':
    case 'other':
      return true
  }
}

/** An address, then a mask of ones and then zeros (RFC 4632 §3.1). */
function isRange(octets: Buffer): boolean {
  if (octets.length !== 8 && octets.length !== 32) return false
  const bits = [...octets.subarray(octets.length / 2)].map((octet) => octet.toString(2).padStart(8, '0')).join('')
  return /^1*0*$/.test(bits)
}

/** The names of one certificate. */
export interface CertifiedNames {
  readonly subject: Name
  readonly names: readonly GeneralName[]
}

/** All that is compared with constraints: the alternative names, the subject, and addresses that stand in the subject, as they did before there were alternative names. */
export const constrainedNames = ({ subject, names }: CertifiedNames): readonly GeneralName[] => [
  ...names,
  ...(subject.rdns.length === 0 ? [] : [{ form: 'directory' as const, name: subject }]),
  ...subject.attributes
    .filter(({ type }) => type === OIDS.emailAddress)
    .map(({ text = '' }) => ({ form: 'email' as const, text })),
]

/** Whether these constraints let a CA name this. What cannot be compared is not let through. */
export function allows(constraints: NameConstraints, name: GeneralName): boolean {
  const permitted = constraints.permitted.filter((base) => isSameForm(base, name))
  const excluded = constraints.excluded.filter((base) => isSameForm(base, name))
  if (permitted.length === 0 && excluded.length === 0) return true
  if (!isComparable(name)) return false
  if (excluded.some((base) => touches(base, name))) return false
  return permitted.length === 0 || permitted.some((base) => covers(base, name))
}

function isSameForm(base: GeneralName, name: GeneralName): boolean {
  if (name.form !== 'other') return base.form === name.form
  if (base.form === 'other') return base.tag === name.tag
  // An address in letters beyond ASCII: a constraint on addresses is one on these, too (RFC 9598 §6).
  return base.form === 'email' && name.type === OIDS.smtpUtf8Mailbox
}

function isComparable(name: GeneralName): boolean {
  switch (name.form) {
    case 'dns':
      return isHostName(name.text.replace(/^\*\./, ''))
    case 'uri':
      return hostOf(name.text) !== undefined
    case 'email':
      return mailboxOf(name.text) !== undefined
    case 'ip':
    case 'directory':
      return true
    case 'other':
      return false
  }
}

/** Whether the name lies within a permitted subtree. */
function covers(base: GeneralName, name: GeneralName): boolean {
  if (base.form === 'dns' && name.form === 'dns') return isDomainWithin(name.text.replace(/^\*\./, ''), base.text)
  if (base.form === 'uri' && name.form === 'uri') return isHostWithin(hostOf(name.text) ?? '', base.text)
  if (base.form === 'email' && name.form === 'email') return isMailboxWithin(name.text, base.text)
  if (base.form === 'ip' && name.form === 'ip') return isAddressWithin(name.octets, base.octets)
  return base.form === 'directory' && name.form === 'directory' && isBelow(name.name, base.name)
}

/** Whether anything that the name stands for lies within an excluded subtree: `*.example.com` stands for `secret.example.com`. */
function touches(base: GeneralName, name: GeneralName): boolean {
  if (covers(base, name)) return true
  if (base.form !== 'dns' || name.form !== 'dns' || !name.text.startsWith('*.')) return false
  return base.text.toLowerCase().endsWith(name.text.slice(1).toLowerCase())
}

/** §4.2.1.10, dNSName: the domain itself, and any number of labels before it. */
function isDomainWithin(name: string, base: string): boolean {
  if (base === '') return true
  const [inner, outer] = [name.toLowerCase(), base.toLowerCase()]
  return inner === outer || inner.endsWith(`.${outer}`)
}

/** §4.2.1.10, URI and rfc822Name: a host alone is that host, with a dot before it all hosts below, and not itself. */
function isHostWithin(host: string, base: string): boolean {
  const [inner, outer] = [host.toLowerCase(), base.toLowerCase()]
  return outer.startsWith('.') ? inner.endsWith(outer) && inner.length > outer.length : inner === outer
}

function isMailboxWithin(text: string, base: string): boolean {
  const mailbox = mailboxOf(text)
  if (mailbox === undefined) return false
  const one = mailboxOf(base)
  if (one === undefined) return isHostWithin(mailbox.host, base)
  // The part before the @ is whatever the host makes of it, so its case counts.
  return mailbox.local === one.local && mailbox.host.toLowerCase() === one.host.toLowerCase()
}

function isAddressWithin(address: Buffer, range: Buffer): boolean {
  if (range.length !== address.length * 2) return false
  return address.every((octet, at) => {
    const mask = range[address.length + at] ?? 0
    return (octet & mask) === ((range[at] ?? 0) & mask)
  })
}

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/i
const IPV4 = /^\d+(?:\.\d+){3}$/

const isHostName = (text: string): boolean => HOST_NAME.test(text)
const withoutDot = (text: string): string => text.replace(/^\./, '')

const URI_HOST = /^[a-z][a-z0-9+.-]*:\/\/([^/?#@:]+)(?::\d*)?(?:[/?#]|$)/i

/** The host of a URI, where it is a name. Without one, a constraint refuses (RFC 5280 §4.2.1.10). */
function hostOf(uri: string): string | undefined {
  const host = URI_HOST.exec(uri)?.[1]
  return host === undefined || !isHostName(host) || IPV4.test(host) ? undefined : host
}

/** A plain mailbox: quoted ones can hold an @ and are not compared. */
function mailboxOf(text: string): { readonly local: string; readonly host: string } | undefined {
  const [local = '', host = '', ...rest] = text.split('@')
  if (rest.length > 0 || !/^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+$/.test(local) || !isHostName(host)) return undefined
  return { local, host }
}
