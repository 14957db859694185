import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { changed, settingsOf, sound } from './support.js'

const document = readFileSync(new URL('../../../docs/federation.md', import.meta.url), 'utf8')
const blocks = [...document.matchAll(/^```(?<kind>yaml|json)\n(?<text>[\s\S]*?)^```$/gm)].map(({ groups }) => ({
  kind: groups?.['kind'] ?? '',
  text: groups?.['text'] ?? '',
}))

describe('docs/federation.md', () => {
  test('its resources load, and are signed with what each party takes', () => {
    const { resources } = parse(blocks[0]?.text ?? '') as { resources: readonly { audience: string }[] }
    const { catalogue } = settingsOf(changed(sound(), { resources }))
    const algorithms = Object.fromEntries([...catalogue.resources].map(([name, { signingAlg }]) => [name, signingAlg]))
    expect(algorithms).toEqual({
      'sts.amazonaws.com': 'ES256',
      'https://iam.googleapis.com/projects/123456789/locations/global/workloadIdentityPools/errand/providers/errand':
        'ES256',
      'api://AzureADTokenExchange': 'RS256',
      'https://vault.example.com': 'ES256',
      'https://cluster.example.com': 'ES256',
    })
  })

  test.each(blocks.map((block, at) => ({ ...block, at })))('its example $at ($kind) can be read', ({ kind, text }) => {
    expect(kind === 'json' ? (JSON.parse(text) as unknown) : (parse(text) as unknown)).toBeInstanceOf(Object)
  })
})
