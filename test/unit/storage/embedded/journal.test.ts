import { appendFile, mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { DamagedJournal, Journal, readJournal } from '../../../../src/storage/embedded/journal.js'
import type { Change } from '../../../../src/storage/embedded/table.js'

let folder: string
let path: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-journal-'))
  path = join(folder, 'log-1')
})

afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const groups: readonly (readonly Change[])[] = [
  [
    { letter: 'g', key: 'A', text: '{"Grüße":"🚀 \u0000"}' },
    { letter: 'x', key: '\u0000\u00ff\u0080', text: '' },
  ],
  [{ letter: 'g', key: 'A', text: undefined }],
  [{ letter: 'k', key: 'k'.repeat(1900), text: 'x'.repeat(3_000_000) }],
]

async function write(all = groups): Promise<readonly number[]> {
  const journal = await Journal.create(path)
  const ends: number[] = []
  for (const group of all) {
    await journal.append(group)
    ends.push(journal.size)
  }
  await journal.close()
  return ends
}

async function read(): Promise<Change[]> {
  const changes: Change[] = []
  for await (const change of readJournal(path)) changes.push(change)
  return changes
}

describe('a segment of the log', () => {
  test('is read as it was written, whatever bytes keys and texts have', async () => {
    const ends = await write()
    expect(await read()).toEqual(groups.flat())
    expect((await stat(path)).size).toBe(ends.at(-1))
  })

  test('is for its owner only', async () => {
    await write()
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  test('an empty one holds nothing', async () => {
    await write([])
    expect(await read()).toEqual([])
  })

  test('a group that was cut short, anywhere, is left out; those before it are whole', async () => {
    const ends = await write(groups.slice(0, 2))
    const bytes = await readFile(path)
    for (let length = 0; length <= bytes.length; length += 1) {
      await writeFile(path, bytes.subarray(0, length))
      const whole = ends.filter((end) => end <= length).length
      expect(await read()).toEqual(groups.slice(0, whole).flat())
    }
  })

  test('a group in which a bit has turned, with another one behind it, is damage and not the end', async () => {
    const [first = 0] = await write()
    const bytes = await readFile(path)
    for (const at of [0, 5, 9, 13, first - 1]) {
      const turned = Buffer.from(bytes)
      turned[at] = (turned[at] ?? 0) ^ 1
      await writeFile(path, turned)
      await expect(read()).rejects.toThrow(DamagedJournal)
    }
  })

  test('what a failed write left behind is cut off', async () => {
    const journal = await Journal.create(path)
    await journal.append(groups[0] ?? [])
    await appendFile(path, 'half a frame')
    await journal.truncate()
    expect((await stat(path)).size).toBe(journal.size)
    await journal.append(groups[1] ?? [])
    await journal.close()
    expect(await read()).toEqual(groups.slice(0, 2).flat())
  })

  test('a segment that is there is never written over', async () => {
    await (await open(path, 'w')).close()
    await expect(Journal.create(path)).rejects.toMatchObject({ code: 'EEXIST' })
  })
})
