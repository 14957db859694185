import { describe, expect, test } from '@jest/globals'
import { Fault } from '../../../src/runtime/fault.js'
import type { LogFields } from '../../../src/runtime/log.js'
import { createLogger } from '../../../src/runtime/logger.js'
import { turnableClock } from '../../support/clock.js'

const JWT = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln'
const CODE = `dc_${'a'.repeat(43)}`

function setUp(level: 'debug' | 'info' = 'info') {
  const lines: string[] = []
  const log = createLogger({
    level,
    clock: turnableClock(),
    destination: { write: (line: string) => void lines.push(line) },
  })
  return {
    log,
    text: () => lines.join(''),
    parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
  }
}

describe('the log', () => {
  test('is JSON lines with the event, its fields and the time of the injected clock', () => {
    const { log, parsed } = setUp()
    log.child({ request_id: 'r1' }).info('request', { status: 200 })
    expect(parsed()).toEqual([
      { level: 'info', time: '2033-05-18T03:33:20.000Z', event: 'request', request_id: 'r1', status: 200 },
    ])
  })

  test('below its level is silent', () => {
    const { log, text } = setUp()
    log.debug('request')
    expect(text()).toBe('')
  })

  test('has room for the fields of the list only, whatever is passed (invariant 10)', () => {
    const { log, text, parsed } = setUp()
    const careless = {
      status: 200,
      subject_token: JWT,
      access_token: JWT,
      headers: { authorization: JWT },
    } as LogFields
    log.info('request', careless)
    log.info('request', { reason: { token: JWT } } as unknown as LogFields)
    expect(text()).not.toContain('eyJ')
    expect(parsed()[0]).not.toHaveProperty('subject_token')
  })

  test.each([JWT, CODE, `Bearer ${JWT}`, `a ${CODE} b`])('withholds %s, in any field', (secret) => {
    const { log, text } = setUp()
    log.info('request', { reason: secret, detail: secret, error: new Fault('contended', secret) })
    expect(text()).not.toContain(secret)
    expect(text()).toContain('[withheld]')
  })

  test('says of an error what it is and where, and its words only when they are ours', () => {
    const { log, text, parsed } = setUp()
    let cause: unknown
    try {
      JSON.parse('hunter2 is my password')
    } catch (error) {
      cause = error
    }
    log.error('request_failed', { error: new Fault('store_unavailable', 'the store does not answer', { cause }) })
    expect(text()).not.toContain('hunter2')
    expect(parsed()[0]).toMatchObject({
      error: {
        name: 'Fault',
        code: 'store_unavailable',
        message: 'the store does not answer',
        cause: { name: 'SyntaxError' },
      },
    })
  })

  test('survives what is thrown that is no error, and causes that lead back to themselves', () => {
    const { log, parsed } = setUp()
    const round = new Error('a')
    round.cause = round
    log.error('request_failed', { error: 'text' })
    log.error('request_failed', { error: round })
    expect(parsed()).toHaveLength(2)
  })
})
