import { describe, expect, test } from '@jest/globals'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { at } from '../../../config/tooling/paths.mjs'

const document = readFileSync(at('docs/operating.md'), 'utf8')

/** First and second cells of the rows of a section. */
function rowsOf(section: string): readonly (readonly [string, string])[] {
  const [, after = ''] = document.split(`\n## ${section}\n`)
  const [text = ''] = after.split('\n## ')
  return [...text.matchAll(/^\| (`[^|]*) \| ([^|]*)\|/gm)].map(([, first = '', second = '']) => [first, second.trim()])
}

const quotedIn = (text: string): readonly string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, word]) => word ?? '')

describe('docs/operating.md', () => {
  test('has every metric with its labels, and no other', () => {
    const source = readFileSync(at('src/runtime/metrics.ts'), 'utf8')
    const defined = [...source.matchAll(/name: '(errand_\w+)',.*?registers/gs)].map(([text, name = '']) => {
      const [, labels = ''] = /labelNames: \[(.*?)\]/.exec(text) ?? []
      return [name, [...labels.matchAll(/'(\w+)'/g)].map(([, label]) => label)]
    })
    expect(defined.length).toBeGreaterThan(10)
    const documented = rowsOf('Metrics').filter(([name]) => /^`errand_\w+`$/.test(name))
    expect(documented.map(([name, labels]) => [quotedIn(name)[0], quotedIn(labels)]).sort()).toEqual(defined.sort())
  })

  test('has every event of the log with its level, and no other', () => {
    const events = new Map<string, string>()
    const sources = readdirSync(at('src'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
    for (const name of sources)
      for (const [, level = '', event = ''] of readFileSync(join(at('src'), name), 'utf8').matchAll(
        /\blog(?:\.(debug|info|warn|error)|\[level\])\(\s*['`]([a-z_$]+)/g,
      ))
        events.set(event, level)
    // The kinds of RedisEvent.
    events.delete('redis_$')
    for (const kind of ['connected', 'disconnected', 'error', 'warning']) events.set(`redis_${kind}`, 'warn')
    const documented = new Map(
      rowsOf('Logs').flatMap(([names, levels]) => quotedIn(names).map((name) => [name, levels])),
    )
    expect([...documented.keys()].sort()).toEqual([...events.keys()].sort())
    for (const [event, level] of events) expect(documented.get(event)).toContain(level)
  })
})
