import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { EXIT } from '../../../src/cli/exit-codes.js'
import { run } from '../../../src/cli/program.js'
import { testIo } from '../../support/cli.js'
import { DEPLOY, openStage, type Stage } from '../exchange/stage.js'
import { STORES } from '../exchange/stores.js'

const [embedded] = STORES

describe('errand grants request --binding', () => {
  let stage: Stage
  let issuer: string
  beforeAll(async () => {
    stage = await openStage(embedded!)
    const [, claims = ''] = (await stage.newRun().assertion()).split('.')
    issuer = (JSON.parse(Buffer.from(claims, 'base64url').toString()) as { iss: string }).iss
  })
  afterAll(() => stage.stop())

  const request = async (...more: readonly string[]) => {
    const io = testIo({ clock: stage.clock, env: { ERRAND_TOKEN: await stage.person('bob', []) } })
    const what = ['--audience', DEPLOY, '--scope', 'deploy:production', '--purpose', 'release']
    const whom = ['--delegate-issuer', issuer, '--claim', 'repository_id=74']
    const code = await run(['grants', 'request', ...what, ...whom, '--url', stage.broker.url, '--json', ...more], io)
    return { code, ...io.said }
  }

  test('asks for credentials that are bound, where the tier does not', async () => {
    const { code, stdout } = await request('--binding', 'dpop')
    expect(code).toBe(EXIT.ok)
    expect(JSON.parse(stdout)).toMatchObject({ credential: { types: ['jwt'], binding: 'dpop' } })
  })

  test('another word is refused by the broker', async () => {
    expect((await request('--binding', 'key')).code).toBe(EXIT.refused)
  })
})
