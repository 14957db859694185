import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { GrantRecord } from '../../../../src/grants/grant-store.js'
import { documentOf, plainDocument, restingDocument } from '../../../../src/storage/redis/document.js'
import { randomIds } from '../../../../src/runtime/ids.js'

const grant = (document: string, status: GrantRecord['status'] = 'active'): GrantRecord => ({
  id: randomIds.grantId(0),
  version: 1,
  status,
  deadline: 0,
  maxTasks: 1,
  tasks: 0,
  document,
  index: { run: 'run' },
})

describe('the document of a grant at rest', () => {
  test.each(['pending', 'active', 'expired', 'completed'] as const)('%s: is read as it was written', (status) => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 800 }), (text) => {
        expect(documentOf(Buffer.from(restingDocument(grant(text, status))))).toBe(text)
        expect(documentOf(Buffer.from(plainDocument(text)))).toBe(text)
      }),
    )
  })

  test('a grant that waits is kept in two thirds of its length', () => {
    const text = `${'["critical",["https://token.actions.githubusercontent.com","repo:acme/shop:*"'.repeat(6)}]]`
    expect(restingDocument(grant(text)).length).toBeLessThan((text.length * 2) / 3)
  })

  test('what was written before stays readable: the dictionary is part of the format', () => {
    const stored = Buffer.from(STORED, 'base64')
    expect(documentOf(stored)).toBe(DOCUMENT)
  })

  test.each([Buffer.from(''), Buffer.from('?text'), Buffer.from('znonsense')])('%p is a fault', (stored) => {
    expect(() => documentOf(stored)).toThrow(expect.objectContaining({ code: 'store_unavailable' }))
  })
})

const DOCUMENT = `1mac.["critical",["https://token.actions.githubusercontent.com","repo:acme/shop:*",{"repository_id":"74"}],{"run_id":"9912"},["Deploy shop","https://github.com/acme/shop/actions/runs/9912",1],[["https://deploy.example.com","deploy:production",[]]],[[0,1],600,1,0],[[],0,0],"ship it",[0,"spiffe://errand.example.com/github/74",0],"platform"]`
const STORED = 'ejPMTUzWozhyE5NzU/WLM/ILrLDGsrkJWmRaWhoaKdUiIgukFXuEwU1GjTmwAbSJveKMzAKFzBKiI9HcBC0aYwE='
