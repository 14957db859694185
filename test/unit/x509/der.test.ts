import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  bitStringOf,
  booleanOf,
  DER_BUDGET,
  integerOf,
  isContext,
  isUniversal,
  octetStringOf,
  oidOf,
  readDer,
  textOf,
  timeOf,
} from '../../../src/x509/read-der.js'
import {
  boolean,
  bitString,
  encode,
  enumerated,
  explicit,
  generalizedTime,
  ia5String,
  implicit,
  integer,
  namedBits,
  nothing,
  octetString,
  oid,
  printableString,
  raw,
  sequence,
  set,
  time,
  utf8String,
  type DerValue,
} from '../../../src/x509/write-der.js'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const hexOf = (value: DerValue): string => encode(value).toString('hex')
const back = (value: DerValue) => readDer(encode(value))

describe('reading', () => {
  test('an element has its place, its tag, its content and its children', () => {
    const node = readDer(hex('30 0a 02 01 05 a1 05 0c 03 61 62 63'))
    expect(node).toMatchObject({ tagClass: 'universal', tag: 16, constructed: true })
    expect(node?.bytes.toString('hex')).toBe('300a020105a1050c03616263')
    expect(node?.content.toString('hex')).toBe('020105a1050c03616263')
    const [first, second] = node?.children ?? []
    expect(integerOf(first)).toBe(5n)
    expect(isContext(second, 1)).toBe(true)
    expect(textOf(second?.children[0])).toBe('abc')
    expect(second?.children[0]?.bytes.toString('hex')).toBe('0c03616263')
  })

  test.each([
    ['nothing', ''],
    ['half a header', '30'],
    ['bytes after the element', '05 00 00'],
    ['an indefinite length (X.690 §10.1)', '30 80 02 01 05 00 00'],
    ['an end of contents', '30 02 00 00'],
    ['a long length where a short one would do', '04 81 01 00'],
    ['a length with leading zeros', `04 82 00 80 ${'00'.repeat(128)}`],
    ['a length that is larger than what follows', '04 05 00'],
    ['a length of the parent that is larger than its children', '30 05 02 01 05'],
    ['a length of the parent that cuts its child', '30 02 02 01 05'],
    ['a length of more than four bytes', '04 85 01 00 00 00 00'],
    ['a length with its highest bit set', '04 84 ff ff ff ff'],
    ['a tag of several bytes', '1f 81 01 00'],
    ['a boolean that is neither 00 nor ff (X.690 §11.1)', '01 01 01'],
    ['a boolean of two bytes', '01 02 ff ff'],
    ['an integer without bytes', '02 00'],
    ['an integer with a zero too many (X.690 §8.3.2)', '02 02 00 7f'],
    ['a negative integer with a byte too many', '02 02 ff 80'],
    ['an enumerated with a zero too many', '0a 02 00 01'],
    ['a null with content', '05 01 00'],
    ['an object identifier without arcs', '06 00'],
    ['an object identifier that does not end', '06 02 2a 86'],
    ['an arc with leading zeros (X.690 §8.19.2)', '06 03 2a 80 01'],
    ['a first arc with leading zeros', '06 02 80 01'],
    ['a bit string without its first byte', '03 00'],
    ['eight unused bits', '03 02 08 00'],
    ['unused bits of nothing', '03 01 01'],
    ['unused bits that are not zero (X.690 §11.2.1)', '03 02 01 01'],
    ['an octet string in pieces (X.690 §10.2)', '24 03 04 01 00'],
    ['a bit string in pieces', '23 04 03 02 00 00'],
    ['a text in pieces', '2c 03 0c 01 61'],
    ['an integer with children', '22 03 02 01 05'],
    ['a sequence without the constructed bit', '10 03 02 01 05'],
    ['a set without the constructed bit', '11 00'],
  ])('refuses %s', (_, bytes) => {
    expect(readDer(hex(bytes))).toBeUndefined()
    // Nor does it pass inside another element.
    const inner = hex(bytes)
    const length = inner.length < 128 ? [inner.length] : [0x81, inner.length]
    const outer = Buffer.concat([Buffer.from([0xa0, ...length]), inner])
    if (inner.length > 0) expect(readDer(outer)).toBeUndefined()
  })

  test('what is inside a bit string is not looked at', () => {
    const node = readDer(hex('03 06 00 30 80 00 00 01'))
    expect(node?.children).toEqual([])
    expect(bitStringOf(node)?.bytes.toString('hex')).toBe('3080000001')
  })

  test('no more than the budget of bytes, depth and elements', () => {
    const nested = (depth: number): Buffer => {
      let value = nothing()
      for (let level = 1; level < depth; level += 1) value = sequence(value)
      return encode(value)
    }
    const many = (count: number): Buffer => encode(sequence(...Array.from({ length: count - 1 }, nothing)))
    const budget = { bytes: 100, depth: 5, nodes: 10 }
    expect(readDer(nested(5), budget)).toBeDefined()
    expect(readDer(nested(6), budget)).toBeUndefined()
    expect(readDer(many(10), budget)).toBeDefined()
    expect(readDer(many(11), budget)).toBeUndefined()
    expect(readDer(encode(octetString(Buffer.alloc(98))), budget)).toBeDefined()
    expect(readDer(encode(octetString(Buffer.alloc(99))), budget)).toBeUndefined()
    expect(readDer(nested(DER_BUDGET.depth + 1))).toBeUndefined()
    expect(readDer(many(DER_BUDGET.nodes + 1))).toBeUndefined()
    expect(readDer(encode(octetString(Buffer.alloc(DER_BUDGET.bytes))))).toBeUndefined()
  })

  test('whatever is read is written back as it was, and nothing throws', () => {
    const rewrite = (node: NonNullable<ReturnType<typeof readDer>>): Buffer => {
      const content = node.constructed ? Buffer.concat(node.children.map(rewrite)) : node.content
      return Buffer.concat([node.bytes.subarray(0, node.bytes.length - node.content.length), content])
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const node = readDer(bytes)
        if (node) {
          expect(node.bytes.equals(bytes)).toBe(true)
          expect(rewrite(node).equals(bytes)).toBe(true)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('a view into a larger buffer is read as if it stood alone', () => {
    const large = hex('ff ff 02 01 07 ff')
    expect(integerOf(readDer(large.subarray(2, 5)))).toBe(7n)
  })
})

describe('values', () => {
  test('a reader of one type answers nothing for another', () => {
    const node = back(nothing())
    expect([oidOf, integerOf, booleanOf, bitStringOf, octetStringOf, textOf, timeOf].map((read) => read(node))).toEqual(
      Array.from({ length: 7 }),
    )
    expect(isUniversal(undefined, 'null')).toBe(false)
    expect(textOf(undefined)).toBeUndefined()
  })

  test.each([
    ['1.2.840.113549.1.1.11', '06092a864886f70d01010b'],
    ['2.5.29.15', '0603551d0f'],
    ['2.999.3', '0603883703'],
    ['0.9.2342', '060309 9226'.replace(' ', '')],
    // A UUID as an arc (ITU-T X.667 §8): 128 bits.
    ['2.25.329800735698586629295641978511506172918', '06146983f09da7ebcfdee0c7a1a7b2c0948cc8f9d776'],
  ])('object identifier %s', (dotted, encoded) => {
    expect(hexOf(oid(dotted))).toBe(encoded)
    expect(oidOf(back(oid(dotted)))).toBe(dotted)
  })

  test('an object identifier that is longer than any is not read, and one arc is none', () => {
    expect(oidOf(back(oid(`1.2.${'9'.repeat(200)}`)))).toBeUndefined()
    expect(() => oid('1')).toThrow(RangeError)
  })

  test('integers of any size and sign', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 160n), max: 1n << 160n }), (value) => {
        expect(integerOf(back(integer(value)))).toBe(value)
      }),
    )
    expect(hexOf(integer(0))).toBe('020100')
    expect(hexOf(integer(128))).toBe('02020080')
    expect(hexOf(integer(-128))).toBe('020180')
  })

  test('bytes as a number are never negative, and have no zeros before them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        expect(integerOf(back(integer(bytes)))).toBe(BigInt(`0x0${Buffer.from(bytes).toString('hex')}`))
      }),
    )
  })

  test('bits by name (X.690 §11.2.2)', () => {
    expect(hexOf(namedBits([0]))).toBe('03020780')
    expect(hexOf(namedBits([0, 2]))).toBe('030205a0')
    expect(hexOf(namedBits([5, 6]))).toBe('03020106')
    expect(hexOf(namedBits([8]))).toBe('0303070080')
    expect(hexOf(namedBits([]))).toBe('030100')
  })

  test('simple values come back as they were', () => {
    expect(booleanOf(back(boolean(true)))).toBe(true)
    expect(booleanOf(back(boolean(false)))).toBe(false)
    expect(octetStringOf(back(octetString(hex('00ff00'))))?.toString('hex')).toBe('00ff00')
    expect(bitStringOf(back(bitString(hex('a0'), 5)))).toEqual({ unusedBits: 5, bytes: hex('a0') })
    expect(hexOf(enumerated(4))).toBe('0a0104')
  })

  test('texts have the characters of their type alone', () => {
    expect(textOf(back(utf8String('Zürich €')))).toBe('Zürich €')
    expect(textOf(back(ia5String('a@b')))).toBe('a@b')
    expect(textOf(back(printableString("It's (1)")))).toBe("It's (1)")
    expect(() => ia5String('ü')).toThrow(RangeError)
    expect(() => utf8String('a\ud800')).toThrow(RangeError)
    expect(() => printableString('a@b')).toThrow(RangeError)
    expect(() => printableString('a\n')).toThrow(RangeError)
    expect(textOf(readDer(hex('0c 02 c3 28')))).toBeUndefined()
    expect(textOf(readDer(hex('16 01 80')))).toBeUndefined()
    expect(textOf(readDer(hex('13 01 40')))).toBeUndefined()
    expect(textOf(readDer(hex('12 02 31 32')))).toBe('12')
    expect(textOf(readDer(hex('1a 01 7e')))).toBe('~')
    // A byte order mark is a character like any other: it is not swallowed.
    expect(textOf(readDer(hex('0c 04 ef bb bf 61')))).toBe('\ufeffa')
    expect(textOf(readDer(hex('1e 02 00 61')))).toBeUndefined()
  })

  test('RFC 5280 §4.1.2.5: UTCTime until 2049, then GeneralizedTime, in seconds and Z', () => {
    const at = (text: string): number => Date.parse(text) / 1000
    expect(encode(time(at('2026-11-02T10:20:30Z'))).toString('latin1')).toBe('\x17\x0d261102102030Z')
    expect(encode(time(at('2049-12-31T23:59:59Z'))).toString('latin1')).toBe('\x17\x0d491231235959Z')
    expect(encode(time(at('2050-01-01T00:00:00Z'))).toString('latin1')).toBe('\x18\x0f20500101000000Z')
    expect(encode(generalizedTime(at('2026-11-02T10:20:30Z'))).toString('latin1')).toBe('\x18\x0f20261102102030Z')
    fc.assert(
      fc.property(fc.integer({ min: at('1950-01-01T00:00:00Z'), max: at('9999-12-31T23:59:59Z') }), (second) => {
        expect(timeOf(back(time(second)))).toBe(second)
        expect(timeOf(back(generalizedTime(second)))).toBe(second)
      }),
    )
  })

  test.each([
    ['without seconds', '17', '2611021020Z'],
    ['with an offset', '17', '261102102030+0000'],
    ['without Z', '17', '261102102030'],
    ['a day that does not exist', '17', '260230102030Z'],
    ['a month that does not exist', '17', '261302102030Z'],
    ['hour 24', '17', '261102240000Z'],
    ['second 60', '17', '261102102060Z'],
    ['a fraction', '18', '20261102102030.5Z'],
    ['a short year', '18', '261102102030Z'],
    ['something after it', '17', '261102102030Z\n'],
  ])('a time %s is none', (_, tag, text) => {
    const bytes = Buffer.from(text, 'latin1')
    expect(timeOf(readDer(Buffer.concat([hex(tag), Buffer.from([bytes.length]), bytes])))).toBeUndefined()
  })
})

describe('writing', () => {
  test('explicit and implicit tags keep what is inside', () => {
    expect(hexOf(explicit(0, integer(2)))).toBe('a003020102')
    expect(hexOf(implicit(6, ia5String('ab')))).toBe('86026162')
    expect(hexOf(implicit(0, sequence(integer(1))))).toBe('a003020101')
    expect(hexOf(implicit(0, raw(hex('3003020101'))))).toBe('a003020101')
    expect(hexOf(implicit(0, raw(hex('04020001'))))).toBe('80020001')
  })

  test('the numbers 2 and 30, which forge takes for INTEGER and BMPString, are written as given in another class', () => {
    expect(hexOf(implicit(2, octetString(hex('00 01'))))).toBe('82020001')
    expect(hexOf(implicit(30, octetString(hex('00 01 02'))))).toBe('9e03000102')
    expect(readDer(hex('82 02 00 01'))?.content.toString('hex')).toBe('0001')
  })

  test('a set is written in the order of the encodings (X.690 §11.6)', () => {
    expect(hexOf(set(integer(300), integer(2), boolean(true)))).toBe('310a0101ff0201020202012c')
    expect(hexOf(set(utf8String('x')))).toBe('31030c0178')
  })

  test('what is encoded already is put in as it is, and only a whole element', () => {
    expect(hexOf(sequence(raw(hex('3003020101')), raw(hex('0201ff'))))).toBe('300830030201010201ff')
    const long = encode(octetString(Buffer.alloc(300, 7)))
    expect(
      encode(sequence(raw(long)))
        .subarray(4)
        .equals(long),
    ).toBe(true)
    for (const bytes of ['', '30', '300302010100', '30040201', '3080', '1e020061']) {
      expect(() => raw(hex(bytes))).toThrow(RangeError)
    }
  })

  test('lengths of every size', () => {
    for (const size of [0, 127, 128, 255, 256, 65_535, 65_536]) {
      const bytes = encode(sequence(octetString(Buffer.alloc(size))))
      const budget = { bytes: 100_000, depth: 2, nodes: 2 }
      expect(octetStringOf(readDer(bytes, budget)?.children[0])?.length).toBe(size)
    }
  })
})
