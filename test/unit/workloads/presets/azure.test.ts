import { beforeAll, describe, expect, test } from '@jest/globals'
import { PRESETS } from '../../../../src/workloads/presets.js'
import type { Proof } from '../../../support/prove-preset.js'
import { provePreset } from '../../../support/prove-preset.js'

const TENANT = 'aaaabbbb-0000-4ccc-8111-dddd2222eeee'
const PRINCIPAL = 'aaaaaaaa-0000-4111-8222-bbbbbbbbbbbb'
const APPLICATION = '00001111-aaaa-4222-8bbb-3333cccc4444'

let current: Proof
let older: Proof
beforeAll(async () => {
  current = await provePreset('azure', `https://login.microsoftonline.com/${TENANT}/v2.0`)
  older = await provePreset('azure', `https://sts.windows.net/${TENANT}/`)
})

const version2 = {
  aio: 'opaque',
  azp: APPLICATION,
  azpacr: '2',
  oid: PRINCIPAL,
  rh: 'opaque',
  sub: PRINCIPAL,
  tid: TENANT,
  uti: 'kVV9nG3LGkqLiV7v0mEPAA',
  ver: '2.0',
}

const version1 = {
  appid: APPLICATION,
  appidacr: '2',
  idp: `https://sts.windows.net/${TENANT}/`,
  oid: PRINCIPAL,
  sub: PRINCIPAL,
  tid: TENANT,
  uti: 'kVV9nG3LGkqLiV7v0mEPAA',
  ver: '1.0',
  xms_mirid: '/subscriptions/x/resourcegroups/y/providers/Microsoft.ManagedIdentity/userAssignedIdentities/z',
}

describe('azure, by "Payload claims" of Entra access tokens', () => {
  test('a managed identity, version 2.0', async () => {
    const workload = await current.workload(version2)
    expect(workload).toMatchObject({
      anchor: { claim: 'oid', value: PRINCIPAL },
      sealed: {},
      spiffeId: `spiffe://errand.example.com/source/${PRINCIPAL}`,
      delegateClaims: { oid: PRINCIPAL, tid: TENANT },
      description: `service principal ${PRINCIPAL} of application ${APPLICATION}`,
      assertion: { reuse: 'until_expiry' },
    })
    expect(workload).not.toHaveProperty('startedBy')
    expect(workload).not.toHaveProperty('reference')
  })

  test('a managed identity, version 1.0', async () => {
    const { spiffeId, description } = await current.workload(version2)
    expect(await older.workload(version1)).toMatchObject({ spiffeId, description })
  })

  test('where Entra says that it is an application', async () => {
    expect(await current.refusal({ ...version2, idtyp: 'app' })).toBeUndefined()
  })

  test.each([
    ['scopes that a person agreed to', 'scp', { scp: 'user_impersonation' }],
    ['no scopes at all, but their member', 'scp', { scp: '' }],
    ['Entra saying that it is a person', 'idtyp', { idtyp: 'user' }],
    ['Entra saying what cannot be read', 'idtyp', { idtyp: ['app'] }],
    ['the pairwise subject of a person', 'sub', { sub: 'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ' }],
  ])("a person's token, by %s, is refused", async (_name, claim, changes) => {
    expect(await current.refusal({ ...version2, ...changes })).toMatchObject({
      reason: 'assertion_claim_not_accepted',
      claim,
    })
  })

  test('without oid it is refused, though sub would do', async () => {
    expect(await current.refusal({ ...version2, oid: undefined })).toMatchObject({ claim: 'oid' })
  })

  test('what an application calls itself is not shown', async () => {
    const { description } = await current.workload({ ...version2, app_displayname: 'Deploy\u202e', azp: 'x\ny' })
    expect(description).toBe(`service principal ${PRINCIPAL} of application xy`)
  })
})

describe('azure: an issuer is one tenant', () => {
  test.each([
    `https://login.microsoftonline.com/${TENANT}/v2.0`,
    `https://login.microsoftonline.us/${TENANT}/v2.0`,
    `https://login.partner.microsoftonline.cn/${TENANT}/v2.0`,
    `https://sts.windows.net/${TENANT}/`,
    `https://sts.chinacloudapi.cn/${TENANT}/`,
  ])('%s is', (issuer) => {
    expect(PRESETS.get('azure')?.issuerForm?.fits(issuer)).toBe(true)
  })

  test.each([
    'https://login.microsoftonline.com/common/v2.0',
    'https://login.microsoftonline.com/organizations/v2.0',
    'https://login.microsoftonline.com/consumers/v2.0',
    'https://login.microsoftonline.com/{tenantid}/v2.0',
    'https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0',
    'https://sts.windows.net/9188040d-6c67-4c5b-b112-36a304b66dad/',
    `https://login.microsoftonline.com/${TENANT}`,
    `https://login.microsoftonline.com/${TENANT}/v2.0/`,
    `https://login.microsoftonline.com/${TENANT.toUpperCase()}/v2.0`,
    `https://sts.windows.net/${TENANT}`,
    `https://sts.windows.net.example.com/${TENANT}/`,
    `https://login.microsoftonline.com/${TENANT}/x/v2.0`,
    'https://login.microsoftonline.com/octo.example.com/v2.0',
  ])('%s is not', (issuer) => {
    expect(PRESETS.get('azure')?.issuerForm?.fits(issuer)).toBe(false)
  })
})
