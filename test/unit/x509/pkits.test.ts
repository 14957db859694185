import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import { parseCertificate } from '../../../src/x509/certificate.js'
import { parseCrl } from '../../../src/x509/crl.js'
import { OIDS } from '../../../src/x509/oids.js'
import { validatePath } from '../../../src/x509/path-validation.js'

/*
 * Every test of PKITS in the sections on signatures, validity, names, revocation, basic constraints, key usage, name
 * constraints, distribution points, delta CRLs and private extensions, under its number and name (pkits/README.md).
 * All of its CRLs are at hand in each, as its section 3 has it.
 */
interface Vectors {
  readonly certificates: Readonly<Record<string, string>>
  readonly crls: Readonly<Record<string, string>>
}
interface PathOf {
  readonly number: string
  readonly name: string
  readonly path: readonly string[]
}

const at = (file: string): Buffer => readFileSync(new URL(`./pkits/${file}`, import.meta.url))
const vectors = JSON.parse(gunzipSync(at('pkits.json.gz')).toString()) as Vectors
const tests = JSON.parse(at('paths.json').toString()) as readonly PathOf[]

const DSA = 'DSA is not believed'
const PARTS = 'a list in parts, or for several issuers, is not used, and without a list nothing is believed'
const OTHER_KEY =
  'a list signed by another key than its certificates is not used, and without a list nothing is believed'
const CA_LEAF = 'the end entity is a CA, and a CA proves nobody'

/** What PKITS lets pass and we refuse, each on purpose. */
const stricter: Readonly<Record<string, string>> = {
  '4.1.4': DSA,
  '4.1.5': DSA,
  '4.4.19': OTHER_KEY,
  '4.5.1': OTHER_KEY,
  '4.5.3': OTHER_KEY,
  '4.5.4': OTHER_KEY,
  '4.5.6': OTHER_KEY,
  '4.6.8': CA_LEAF,
  '4.6.14': CA_LEAF,
  '4.6.15': OTHER_KEY,
  '4.6.17': OTHER_KEY,
  '4.13.19': OTHER_KEY,
  ...Object.fromEntries([1, 4, 5, 7, 13, 18, 19, 22, 24, 25, 28, 29, 30, 33].map((n) => [`4.14.${n}`, PARTS])),
  '4.15.5': 'taken off by a delta CRL, which is not used',
}
/** What PKITS refuses and we let pass. */
const laxer: Readonly<Record<string, string>> = {
  '4.15.4': 'revoked by a delta CRL, which is not used: the complete one, which is fresh, does not name it',
}
/** What these sections are about, and 4.5 where it is valid: without CRLs each must be refused for this, and not for a list. */
const REASONS: Readonly<Record<string, RegExp>> = {
  '4.1': /^(certificate_malformed|certificate_signature_invalid|path_without_anchor|certificate_key_not_allowed)$/,
  '4.2': /^certificate_(not_yet_valid|expired)$/,
  '4.3': /^certificate_issuer_mismatch$|^path_without_anchor$/,
  '4.6': /^certificate_(not_a_ca|path_length_exceeded)$|^leaf_is_a_ca$/,
  '4.7': /^certificate_key_usage$/,
  '4.13': /^certificate_name_not_permitted$/,
  '4.16': /^certificate_extension_unknown$/,
}
/** Only their CRLs are wrong. */
const ABOUT_LISTS = ['4.7.4', '4.7.5']

const decoded = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64')
const anchor = parseCertificate(decoded(vectors.certificates['TrustAnchorRootCertificate']))
const crls = Object.values(vectors.crls).flatMap((text) => {
  const parsed = parseCrl(decoded(text))
  return parsed.ok ? [parsed.value] : []
})
const NOW = Date.UTC(2024, 0, 1) / 1000

function validate({ path }: PathOf, withLists: boolean) {
  if (!anchor.ok) throw new Error('the trust anchor cannot be read')
  const chain = [...path].reverse().map((name) => decoded(vectors.certificates[name]))
  const purpose = { extendedKeyUsage: OIDS.clientAuth, stated: false }
  return validatePath(chain, { anchors: [anchor.value], now: NOW, purpose, ...(withLists ? { crls } : {}) })
}

const isValid = ({ name, number }: PathOf): boolean =>
  number in stricter ? false : number in laxer ? true : name.startsWith('Valid')

describe('PKITS', () => {
  test('all of its sections that apply are here', () => {
    const sections = new Map<string, number>()
    for (const { number } of tests) {
      const section = number.slice(0, number.lastIndexOf('.'))
      sections.set(section, (sections.get(section) ?? 0) + 1)
    }
    expect(Object.fromEntries(sections)).toEqual({
      ...{ '4.1': 6, '4.2': 8, '4.3': 11, '4.4': 21, '4.5': 8, '4.6': 17, '4.7': 5 },
      ...{ '4.13': 38, '4.14': 35, '4.15': 10, '4.16': 2 },
    })
  })

  test.each(tests.filter(({ number }) => !(number in stricter) && !(number in laxer)))('PKITS $number $name', (one) => {
    expect(validate(one, true).ok).toBe(isValid(one))
  })

  test.each(tests.filter(({ number }) => number in stricter || number in laxer))(
    'PKITS $number $name: otherwise here, on purpose',
    (one) => {
      expect(isValid(one)).toBe(!one.name.startsWith('Valid'))
      expect(validate(one, true).ok).toBe(isValid(one))
    },
  )

  const sectionOf = ({ number }: PathOf): string => number.slice(0, number.lastIndexOf('.'))
  const isValidWithout = (one: PathOf): boolean =>
    one.name.startsWith('Valid') && stricter[one.number] !== DSA && stricter[one.number] !== CA_LEAF

  test.each(tests.filter((one) => sectionOf(one) in REASONS && !ABOUT_LISTS.includes(one.number)))(
    'PKITS $number $name, without CRLs',
    (one) => {
      const validated = validate(one, false)
      expect(validated.ok).toBe(isValidWithout(one))
      if (!validated.ok) expect(validated.refusal.reason).toMatch(REASONS[sectionOf(one)] ?? /^$/)
    },
  )

  test.each(tests.filter(({ number, name }) => number.startsWith('4.5.') && name.startsWith('Valid')))(
    'PKITS $number $name, without CRLs',
    (one) => {
      expect(validate(one, false).ok).toBe(true)
    },
  )
})
