import { describe, expect, test } from '@jest/globals'
import { EventEmitter } from 'node:events'
import { createLifecycle, onStopSignal, type Part } from '../../../src/runtime/lifecycle.js'
import { silentLog } from '../../../src/runtime/log.js'

const recorded = () => {
  const steps: string[] = []
  const part = (name: string, more: Partial<Part> = {}): Part => ({
    name,
    start: () => void steps.push(`start ${name}`),
    stop: () => void steps.push(`stop ${name}`),
    ...more,
  })
  return { steps, part }
}

describe('the lifecycle', () => {
  test('starts in order and stops in reverse, once', async () => {
    const { steps, part } = recorded()
    const lifecycle = createLifecycle({
      parts: [part('store'), part('keys'), part('http')],
      log: silentLog,
      stopWithinMs: 1000,
    })
    await lifecycle.start()
    await Promise.all([lifecycle.stop(), lifecycle.stop()])
    expect(steps).toEqual(['start store', 'start keys', 'start http', 'stop http', 'stop keys', 'stop store'])
  })

  test('a part that cannot start stops those before it, and its error is the answer', async () => {
    const { steps, part } = recorded()
    const broken = part('keys', { start: () => Promise.reject(new Error('no key')) })
    const lifecycle = createLifecycle({
      parts: [part('store'), broken, part('http')],
      log: silentLog,
      stopWithinMs: 1000,
    })
    await expect(lifecycle.start()).rejects.toThrow('no key')
    expect(steps).toEqual(['start store', 'stop keys', 'stop store'])
  })

  test('a part that does not stop, or fails to, does not keep the others', async () => {
    const { steps, part } = recorded()
    const stuck = part('http', { stop: () => new Promise<void>(() => undefined) })
    const broken = part('keys', { stop: () => Promise.reject(new Error('x')) })
    const lifecycle = createLifecycle({ parts: [part('store'), broken, stuck], log: silentLog, stopWithinMs: 50 })
    await lifecycle.start()
    await lifecycle.stop()
    expect(steps.at(-1)).toBe('stop store')
  })
})

test('the first signal asks to stop, the second means at once', () => {
  const source = new EventEmitter()
  const heard: string[] = []
  const release = onStopSignal(source as unknown as NodeJS.Process, {
    stop: (signal) => void heard.push(`stop ${signal}`),
    abort: (signal) => void heard.push(`abort ${signal}`),
  })
  source.emit('SIGTERM', 'SIGTERM')
  source.emit('SIGINT', 'SIGINT')
  expect(heard).toEqual(['stop SIGTERM', 'abort SIGINT'])
  release()
  expect(source.listenerCount('SIGTERM') + source.listenerCount('SIGINT')).toBe(0)
})
