import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { createRevocationLists, parseCrlFile } from '../../../src/workloads/revocation-lists.js'
import * as der from '../../../src/x509/write-der.js'
import { certify, nameOf, pem, revocationList } from '../../support/certificates.js'

const directory = mkdtempSync(join(tmpdir(), 'errand-lists-'))
afterAll(() => {
  rmSync(directory, { recursive: true })
})
const ca = certify({ ca: true, subject: nameOf('CA') })
const first = revocationList(ca)
const second = revocationList(ca, { revoked: [der.integer(7)] })

test('a file is one list in DER, or any number in PEM', () => {
  const both = Buffer.from(`${pem(first, 'X509 CRL')}\n${pem(second, 'X509 CRL')}`)
  expect(parseCrlFile(first)).toMatchObject({ ok: true, value: [{ revoked: new Set() }] })
  expect(parseCrlFile(both)).toMatchObject({ ok: true, value: [{}, { revoked: new Set(['07']) }] })
  for (const other of [Buffer.alloc(0), Buffer.from('text'), Buffer.from(pem(ca.der)), ca.der])
    expect(parseCrlFile(other).ok).toBe(false)
})

test('lists follow their files, and one that cannot be read leaves the last in place', async () => {
  const file = join(directory, 'ca.crl')
  const failures: string[] = []
  const lists = createRevocationLists({ files: [file], onFailed: (_, detail) => failures.push(detail) })
  await lists.refresh()
  expect([lists.of([file]), failures]).toEqual([[], ['it cannot be read']])
  writeFileSync(file, first)
  await lists.refresh()
  expect(lists.of([file])).toHaveLength(1)
  writeFileSync(file, second)
  await lists.refresh()
  expect(lists.of([file])[0]?.revoked).toEqual(new Set(['07']))
  writeFileSync(file, 'half a file')
  await lists.refresh()
  expect(lists.of([file])[0]?.revoked).toEqual(new Set(['07']))
  expect(failures).toHaveLength(2)
})

test('a file that did not change is not read as a new list', async () => {
  const file = join(directory, 'same.crl')
  writeFileSync(file, first)
  const lists = createRevocationLists({ files: [file], onFailed: () => undefined })
  await lists.refresh()
  const [before] = lists.of([file])
  await lists.refresh()
  expect(lists.of([file])[0]).toBe(before)
})
