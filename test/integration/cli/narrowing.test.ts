import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EXIT } from '../../../src/cli/exit-codes.js'
import { run } from '../../../src/cli/program.js'
import { testIo } from '../../support/cli.js'
import { openStage, type Stage } from '../exchange/stage.js'
import { STORES } from '../exchange/stores.js'

const [embedded] = STORES
const ASKED = 'deploy:critical deploy:rollback'

describe('errand grants approve, for less than was asked for', () => {
  let stage: Stage
  let folder: string
  beforeAll(async () => {
    stage = await openStage(embedded!)
    folder = mkdtempSync(join(tmpdir(), 'errand-narrow-'))
  })
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true })
    await stage.stop()
  })

  const file = (content: unknown): string => {
    const name = join(folder, 'terms.json')
    writeFileSync(name, typeof content === 'string' ? content : JSON.stringify(content))
    return name
  }
  const approveAs = async (name: string, groups: readonly string[], id: string, ...more: readonly string[]) => {
    const io = testIo({ clock: stage.clock, env: { ERRAND_TOKEN: await stage.person(name, groups) } })
    const code = await run(['grants', 'approve', id, '--yes', '--url', stage.broker.url, ...more], io)
    return { code, ...io.said }
  }
  const grant = async (id: string) =>
    (await stage.broker.call('GET', `/grants/${id}`, await stage.person('op', ['operators']))).body
  const pending = async () => (await stage.deferred(stage.newRun(), { scope: ASKED })).grantId

  test('what changes is shown; the approvals of others are void, and who gave them approves the new terms', async () => {
    const id = await pending()
    expect((await approveAs('ann', ['platform'], id)).stdout).toContain('needs 1 of security')
    const sue = await approveAs(
      'sue',
      ['security'],
      id,
      '--scope',
      'deploy:rollback',
      '--duration',
      '10m',
      '--max-ttl',
      '1m',
    )
    expect(sue).toMatchObject({ code: EXIT.ok, stdout: expect.stringContaining('needs 1 of platform') })
    const [, changes = ''] = sue.stderr.split('approved would be less than that:')
    expect(changes).toMatch(/what +deploy:rollback at /)
    expect(changes).toContain('10m from the approval on; each credential 1m')
    expect(changes).toContain('the review given before will be void')
    expect(changes).not.toContain('who ')
    const after = await grant(id)
    expect(after).toMatchObject({
      status: 'pending',
      duration_seconds: 600,
      access: [{ scope: 'deploy:rollback' }],
      credential: { max_ttl_seconds: 60 },
      reviews: [{ by: 'corp:sue' }],
    })
    expect((await approveAs('ann', ['platform'], id)).stdout).toContain('is active until')
  })

  test('members from a file', async () => {
    const id = await pending()
    const { access } = await grant(id)
    const terms = file({ access: [{ ...(access as object[])[0], scope: 'deploy:critical' }], duration_seconds: 60 })
    expect((await approveAs('sue', ['security'], id, '--terms', terms)).code).toBe(EXIT.ok)
    expect(await grant(id)).toMatchObject({ duration_seconds: 60, access: [{ scope: 'deploy:critical' }] })
  })

  test.each<[string, readonly string[]]>([
    ['a longer life', ['--duration', '30d']],
    ['longer credentials', ['--max-ttl', '1h']],
    ['more tasks', ['--max-tasks', '2']],
    ['nothing less', ['--scope', ASKED]],
  ])('%s is refused by the broker: nothing is decided', async (_title, more) => {
    const id = await pending()
    const before = await grant(id)
    const refused = await approveAs('sue', ['security'], id, ...more)
    expect(refused).toMatchObject({ code: EXIT.refused, stdout: '' })
    expect(refused.stderr).toContain('terms_not_narrower: the terms are not a narrowing of what was asked for')
    expect(await grant(id)).toEqual(before)
  })

  test('wider access in a file is refused by the broker', async () => {
    const id = await pending()
    const { access } = await grant(id)
    const terms = file({ access: [{ ...(access as object[])[0], scope: 'deploy:critical deploy:production' }] })
    const refused = await approveAs('sue', ['security'], id, '--terms', terms)
    expect(refused.stderr).toContain('access is wider than what was asked for')
  })

  test.each<[string, readonly string[], RegExp]>([
    ['a scope that nobody asked for', ['--scope', 'deploy:production'], /deploy:production is not asked for/],
    ['who it is for, in a file', ['--terms', 'delegate'], /delegate in .* cannot be changed by a review/],
    ['a file that is no object', ['--terms', 'text'], /cannot be read as a JSON object/],
    ['access of another shape', ['--terms', 'access'], /access in .* is not a list/],
  ])('%s is not even sent', async (_title, [option = '', value = ''], says) => {
    const id = await pending()
    const contents: Readonly<Record<string, unknown>> = {
      delegate: { delegate: {} },
      text: '[]',
      access: { access: [7] },
    }
    const given = option === '--terms' ? file(contents[value]) : value
    const refused = await approveAs('sue', ['security'], id, option, given)
    expect(refused).toMatchObject({ code: EXIT.usage, stderr: expect.stringMatching(says) })
  })
})
