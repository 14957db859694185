import { describe, expect, test } from '@jest/globals'
import { readDer } from '../../../src/x509/read-der.js'
import { encode, oid, sequence, set, utf8String, type DerValue } from '../../../src/x509/write-der.js'
import { parseGeneralNames, type GeneralName } from '../../../src/x509/general-name.js'
import { allows } from '../../../src/x509/name-constraints.js'
import * as certs from '../../support/certificates.js'

/** Constraints are read as names here, so that bases and names are written alike. */
function nameOf(value: DerValue): GeneralName {
  const [name] = parseGeneralNames(readDer(encode(sequence(value)))) ?? []
  if (name === undefined) throw new Error('no name')
  return name
}
const range = (...octets: readonly number[]): GeneralName => ({ form: 'ip', octets: Buffer.from(octets) })
const text = (form: 'dns' | 'uri' | 'email', value: string): GeneralName => ({ form, text: value })

const permits = (base: GeneralName, name: GeneralName) => allows({ permitted: [base], excluded: [] }, name)
const excludes = (base: GeneralName, name: GeneralName) => !allows({ permitted: [], excluded: [base] }, name)

describe('RFC 5280 §4.2.1.10: dNSName', () => {
  test.each([
    ['example.com', 'example.com', true],
    ['example.com', 'a.example.com', true],
    ['example.com', 'b.a.EXAMPLE.com', true],
    ['example.com', 'notexample.com', false],
    ['example.com', 'example.com.evil.org', false],
    ['example.com', 'com', false],
    ['', 'anything.example', true],
  ])('%j covers %s: %s', (base, name, expected) => {
    expect(permits(text('dns', base), text('dns', name))).toBe(expected)
    expect(excludes(text('dns', base), text('dns', name))).toBe(expected)
  })

  test('what is no plain host name is neither permitted nor let past an exclusion', () => {
    for (const name of ['example.com.', 'a..example.com', 'exa mple.com', '-', 'a.*.example.com', '*', 'a@example.com'])
      expect([
        permits(text('dns', 'example.com'), text('dns', name)),
        excludes(text('dns', 'org'), text('dns', name)),
      ]).toEqual([false, true])
  })

  test('a wildcard stands for all that it matches', () => {
    expect(permits(text('dns', 'example.com'), text('dns', '*.example.com'))).toBe(true)
    expect(permits(text('dns', 'a.example.com'), text('dns', '*.example.com'))).toBe(false)
    expect(excludes(text('dns', 'secret.example.com'), text('dns', '*.example.com'))).toBe(true)
    expect(excludes(text('dns', 'secret.example.com'), text('dns', '*.a.example.com'))).toBe(false)
  })
})

describe('RFC 5280 §4.2.1.10: uniformResourceIdentifier', () => {
  test.each([
    ['example.com', 'https://example.com/x', true],
    ['example.com', 'spiffe://EXAMPLE.com/x', true],
    ['example.com', 'https://example.com:8443', true],
    ['example.com', 'https://a.example.com/', false],
    ['.example.com', 'https://a.example.com/', true],
    ['.example.com', 'https://b.a.example.com?x', true],
    ['.example.com', 'https://example.com/', false],
    ['example.com', 'https://evil.org/example.com', false],
    ['example.com', 'https://evil.org#example.com', false],
  ])('%s covers %s: %s', (base, name, expected) => {
    expect(permits(text('uri', base), text('uri', name))).toBe(expected)
    expect(excludes(text('uri', base), text('uri', name))).toBe(expected)
  })

  test('one without a host that is a name is refused', () => {
    for (const name of [
      'urn:a',
      'mailto:a@example.com',
      'https://10.0.0.1/',
      'https://[::1]/',
      'https://u@example.com/',
      'https:///x',
      'x',
    ])
      expect([
        permits(text('uri', 'example.com'), text('uri', name)),
        excludes(text('uri', 'org'), text('uri', name)),
      ]).toEqual([false, true])
  })
})

describe('RFC 5280 §4.2.1.10: rfc822Name', () => {
  test.each([
    ['example.com', 'a@example.com', true],
    ['example.com', 'a@EXAMPLE.com', true],
    ['example.com', 'a@b.example.com', false],
    ['.example.com', 'a@b.example.com', true],
    ['.example.com', 'a@example.com', false],
    ['a@example.com', 'a@example.com', true],
    ['a@example.com', 'A@example.com', false],
    ['a@example.com', 'b@example.com', false],
  ])('%s covers %s: %s', (base, name, expected) => {
    expect(permits(text('email', base), text('email', name))).toBe(expected)
    expect(excludes(text('email', base), text('email', name))).toBe(expected)
  })

  test('one that is quoted, or none, is refused', () => {
    for (const name of ['"a@b"@example.com', 'example.com', '@example.com', 'a@', 'a@b@example.com'])
      expect(permits(text('email', 'example.com'), text('email', name))).toBe(false)
  })

  test('RFC 9598 §6: a mailbox in letters beyond ASCII is one of these, and cannot be compared', () => {
    const utf8: GeneralName = { form: 'other', tag: 0, type: '1.3.6.1.5.5.7.8.9' }
    expect(permits(text('email', 'example.com'), utf8)).toBe(false)
    expect(excludes(text('email', 'example.org'), utf8)).toBe(true)
    expect(permits(text('dns', 'example.com'), utf8)).toBe(true)
  })
})

describe('RFC 5280 §4.2.1.10: iPAddress', () => {
  test.each([
    [[10, 0, 0, 0, 255, 0, 0, 0], [10, 255, 1, 2], true],
    [[10, 0, 0, 0, 255, 0, 0, 0], [11, 0, 0, 0], false],
    [[10, 9, 9, 9, 255, 0, 0, 0], [10, 1, 1, 1], true],
    [[0, 0, 0, 0, 0, 0, 0, 0], [8, 8, 8, 8], true],
    [[10, 0, 0, 1, 255, 255, 255, 255], [10, 0, 0, 2], false],
  ])('%j covers %j: %s', (base, address, expected) => {
    expect(permits(range(...base), range(...address))).toBe(expected)
    expect(excludes(range(...base), range(...address))).toBe(expected)
  })

  test('an address of the other family is not within', () => {
    const six = range(...Array.from({ length: 16 }, () => 0))
    expect(permits(range(0, 0, 0, 0, 0, 0, 0, 0), six)).toBe(false)
    expect(excludes(range(0, 0, 0, 0, 0, 0, 0, 0), six)).toBe(false)
  })
})

describe('RFC 5280 §4.2.1.10: directoryName', () => {
  test('a subtree begins with the base, however it is written', () => {
    const at = (...given: Parameters<typeof certs.nameOf>) => nameOf(certs.directory(certs.nameOf(...given)))
    expect(permits(at('A'), at('a'))).toBe(true)
    expect(permits(at('a  b'), at(' A B '))).toBe(true)
    expect(permits(at('a'), at('b'))).toBe(false)
    expect(permits(at('a', 'org'), at('b', 'org'))).toBe(false)
    expect(permits(nameOf(certs.directory(sequence())), at('a'))).toBe(true)
  })

  test('no value can be written so that it passes for several', () => {
    const pair = (type: string, value: string): DerValue => sequence(oid(type), utf8String(value))
    const [organization, unit] = ['2.5.4.10', '2.5.4.11']
    const base = sequence(set(pair(organization, 'acme'), pair(unit, 'devices')))
    const crafted = sequence(set(pair(organization, `acme"+${unit}="devices`)))
    expect(permits(nameOf(certs.directory(base)), nameOf(certs.directory(base)))).toBe(true)
    expect(permits(nameOf(certs.directory(base)), nameOf(certs.directory(crafted)))).toBe(false)
  })
})

test('constraints on one form say nothing of another', () => {
  expect(permits(text('dns', 'example.com'), text('uri', 'https://example.org/'))).toBe(true)
  expect(permits(text('dns', 'example.com'), range(10, 0, 0, 1))).toBe(true)
})
