import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { loadScript } from '../../../../src/storage/redis/script.js'

const FOLDER = new URL('../../../../src/storage/redis/scripts/', import.meta.url)
const names = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.lua'))
  .map((file) => file.slice(0, -'.lua'.length))
const adapter = readdirSync(new URL('../', FOLDER))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(new URL(`../${file}`, FOLDER), 'utf8'))
  .join('\n')

describe.each(names)('scripts/%s.lua', (name) => {
  const { text } = loadScript(name)

  test('says what it does, its keys and its answers', () => {
    expect(text).toMatch(new RegExp(`^--\\[\\[ ${name}: [\\s\\S]+ KEYS {2}1 [\\s\\S]+ Returns {2}[\\s\\S]+? \\]\\]`))
  })

  test('has every part that it includes', () => {
    expect(text).not.toContain('@include')
  })

  test('is run by the adapter', () => {
    expect(adapter).toContain(`loadScript('${name}')`)
  })

  test('invariant 12: asks nobody but its caller for the time', () => {
    if (name !== 'probe') expect(text).not.toMatch(/'TIME'/i)
  })
})
