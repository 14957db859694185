import { sha256Hex } from '../runtime/digest.js'
import type { ParsedCertificate } from '../x509/certificate.js'
import { OIDS } from '../x509/oids.js'
import { parseSpiffeId } from './spiffe-uri.js'

/** Names in a certificate by which a workload can be known. The last two stand in its subject. */
export const CERTIFICATE_NAMES = ['uri', 'dns', 'email', 'common_name', 'serial_number'] as const

export type CertificateName = (typeof CERTIFICATE_NAMES)[number]

const ATTRIBUTES: ReadonlyMap<string, string> = new Map([
  ['common_name', OIDS.commonName],
  ['serial_number', OIDS.serialNumber],
  ['organization', OIDS.organizationName],
  ['organizational_unit', OIDS.organizationalUnitName],
])

/**
 * What a certificate says of its holder, as the claim `certificate` of a workload. A name of which there are several is left
 * out: which one is meant cannot be told. `sha256` is the fingerprint of the whole.
 */
export function factsOf({ der, subject, subjectAltNames }: ParsedCertificate): Readonly<Record<string, string>> {
  const facts: Record<string, string> = { sha256: sha256Hex(der) }
  for (const form of ['uri', 'dns', 'email'] as const) {
    const [name, ...others] = subjectAltNames.filter((one) => one.form === form)
    if (name !== undefined && 'text' in name && others.length === 0) facts[form] = name.text
  }
  for (const [fact, type] of ATTRIBUTES) {
    const [attribute, ...others] = subject.attributes.filter((one) => one.type === type)
    if (attribute?.text !== undefined && others.length === 0) facts[fact] = attribute.text
  }
  return facts
}

/** Names of our own trust domain stand in certificates that this broker issues; those prove no workload, whoever is configured as a root. */
export const isOfTrustDomain = ({ subjectAltNames }: ParsedCertificate, trustDomain: string): boolean =>
  subjectAltNames.some((name) => name.form === 'uri' && parseSpiffeId(name.text)?.trustDomain === trustDomain)
