import { describe, expect, test } from '@jest/globals'
import { measured } from '../../../src/runtime/measured.js'

class Port {
  #secret = 41
  readonly kind = 'port'
  read(add: number): Promise<number> {
    return Promise.resolve(this.#secret + add)
  }
  fail(): Promise<never> {
    return Promise.reject(new Error('x'))
  }
}

describe('measured', () => {
  test('times each verb and changes nothing, private members included', async () => {
    let now = 0
    const seen: [string, string, number][] = []
    const observe = (...facts: [string, string, number]) => void seen.push(facts)
    const port = measured(new Port(), observe, () => (now += 250))
    expect(await port.read(1)).toBe(42)
    await expect(port.fail()).rejects.toThrow('x')
    expect(port.kind).toBe('port')
    expect(seen).toEqual([
      ['read', 'answered', 0.25],
      ['fail', 'failed', 0.25],
    ])
  })
})
