import { describe, expect, test } from '@jest/globals'
import { anEvent } from '../../support/store-records.js'
import { type Context, count, FIFTY } from './context.js'

export function describeKeys({ openAnother }: Context): void {
  test('the key ring and the authorities are kept apart', async () => {
    const { keys, authorities } = await openAnother()
    await keys.save(0, 'a ring', [])
    expect(await authorities.load()).toBeUndefined()
    await authorities.save(0, 'an authority', [])
    await authorities.save(1, 'two of them', [])
    expect(await keys.load()).toEqual({ version: 1, sealed: 'a ring' })
    expect(await authorities.load()).toEqual({ version: 2, sealed: 'two of them' })
  })

  describe.each(['keys', 'authorities'] as const)('the sealed document of %s', (name) => {
    const open = async () => {
      const { evidence, [name]: keys } = await openAnother()
      return { evidence, keys }
    }

    test('there is none at first', async () => {
      expect(await (await open()).keys.load()).toBeUndefined()
    })

    test('it is saved from the version that the change was decided on, with its evidence', async () => {
      const { keys, evidence } = await open()
      expect(await keys.save(0, 'first', [anEvent(0, 'key.rotated')])).toBe('saved')
      expect(await keys.load()).toEqual({ version: 1, sealed: 'first' })
      expect(await keys.save(1, 'second', [anEvent(0, 'key.rotated')])).toBe('saved')
      expect(await keys.load()).toEqual({ version: 2, sealed: 'second' })
      expect((await evidence.heads())[0]).toBe(2)
    })

    test.each([[0], [2], [7]])(
      'from another version (%i instead of 1) it is a conflict and nothing changes',
      async (from) => {
        const { keys, evidence } = await open()
        await keys.save(0, 'first', [anEvent(0, 'key.rotated')])
        expect(await keys.save(from, 'other', [anEvent(0, 'key.rotated')])).toBe('conflict')
        expect(await keys.load()).toEqual({ version: 1, sealed: 'first' })
        expect((await evidence.heads())[0]).toBe(1)
      },
    )

    test('of fifty saves at once, exactly one wins', async () => {
      const { keys, evidence } = await open()
      const answers = await Promise.all(FIFTY.map((n) => keys.save(0, `ring ${n}`, [anEvent(0, 'key.rotated')])))
      expect([count(answers, 'saved'), count(answers, 'conflict')]).toEqual([1, 49])
      expect(await keys.load()).toEqual({ version: 1, sealed: `ring ${answers.indexOf('saved')}` })
      expect((await evidence.heads())[0]).toBe(1)
    })
  })
}
