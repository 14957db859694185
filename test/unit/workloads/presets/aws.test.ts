import { beforeAll, describe, expect, test } from '@jest/globals'
import type { Proof } from '../../../support/prove-preset.js'
import { provePreset } from '../../../support/prove-preset.js'

const ISSUER = 'https://abc123-def456-ghi789-jkl012.tokens.sts.global.api.aws'
const ROLE = 'arn:aws:iam::123456789012:role/DataProcessingRole'
const FUNCTION = 'arn:aws:lambda:us-east-1:123456789012:function:process-data'
const MEMBER = '/https:~1~1sts.amazonaws.com~1'

let proof: Proof
beforeAll(async () => {
  proof = await provePreset('aws', ISSUER, 'ES384')
})

const own = {
  aws_account: '123456789012',
  source_region: 'us-east-1',
  org_id: 'o-abc1234567',
  ou_path: 'o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/',
  principal_id: ROLE,
  principal_tags: { environment: 'production' },
  lambda_source_function_arn: FUNCTION,
  request_tags: { 'job-id': 'job-2024-001' },
}
const token = { jti: 'xyz123-def456-ghi789-jkl012', sub: ROLE, 'https://sts.amazonaws.com/': own }

describe('aws, by "Understanding token claims" of outbound identity federation', () => {
  test('a function with a role', async () => {
    const workload = await proof.workload(token)
    expect(workload).toMatchObject({
      anchor: { claim: 'sub', value: ROLE },
      sealed: {},
      spiffeId: 'spiffe://errand.example.com/source/arn_3aaws_3aiam_3a_3a123456789012_3arole_2fDataProcessingRole',
      delegateClaims: {
        sub: ROLE,
        [`${MEMBER}/aws_account`]: '123456789012',
        [`${MEMBER}/lambda_source_function_arn`]: FUNCTION,
      },
      description: `${ROLE}, by ${FUNCTION}`,
      assertion: { reuse: 'once' },
    })
    expect(workload).not.toHaveProperty('startedBy')
    expect(workload).not.toHaveProperty('reference')
  })

  test('RS256 is the other algorithm that a caller can choose', async () => {
    expect(await (await provePreset('aws', ISSUER, 'RS256')).refusal(token)).toBeUndefined()
  })

  test('ES256 is none of them', async () => {
    expect(await (await provePreset('aws', ISSUER, 'ES256')).refusal(token)).toMatchObject({
      reason: 'assertion_algorithm_not_allowed',
    })
  })

  test('a role outside of Lambda', async () => {
    const { lambda_source_function_arn: _function, ...plain } = own
    expect(await proof.workload({ ...token, 'https://sts.amazonaws.com/': plain })).toMatchObject({
      delegateClaims: { sub: ROLE, [`${MEMBER}/aws_account`]: '123456789012' },
      description: ROLE,
    })
  })

  test('another function with the same role is the same workload, under another delegate', async () => {
    const other = { ...own, lambda_source_function_arn: `${FUNCTION}-2` }
    const first = await proof.workload(token)
    const second = await proof.workload({ ...token, 'https://sts.amazonaws.com/': other })
    expect(second.spiffeId).toBe(first.spiffeId)
    expect(second.delegateClaims).not.toEqual(first.delegateClaims)
  })

  test('what the caller wrote into request_tags decides nothing', async () => {
    const { claims: _claims, assertion: _assertion, ...plain } = await proof.workload(token)
    const tagged = { ...own, request_tags: { aws_account: '999999999999', lambda_source_function_arn: 'x' } }
    expect(await proof.workload({ ...token, 'https://sts.amazonaws.com/': tagged })).toMatchObject(plain)
  })

  test.each([
    ['an account in a list', 'aws_account', { aws_account: ['123456789012'] }],
    ['a function in an object', 'lambda_source_function_arn', { lambda_source_function_arn: {} }],
  ])('%s is refused', async (_name, claim, changes) => {
    expect(await proof.refusal({ ...token, 'https://sts.amazonaws.com/': { ...own, ...changes } })).toMatchObject({
      reason: 'assertion_claim_not_accepted',
      claim: `${MEMBER}/${claim}`,
    })
  })
})
