import { pickText } from '../claims.js'
import type { Preset } from './preset.js'
import { issuerLike, readable } from './preset.js'

const MEMBER = '/https:~1~1sts.amazonaws.com~1'

/**
 * AWS outbound identity federation: tokens of STS GetWebIdentityToken. Claims by "Understanding token claims", docs.aws.amazon.com
 * IAM/latest/UserGuide/id_roles_providers_outbound_token_claims, whose own ones are in the object `https://sts.amazonaws.com/`:
 * - `iss`: "account-specific", `https://….tokens.sts.global.api.aws`, made when the account enables it: not shared.
 * - `sub`: the ARN of the IAM principal. The anchor: AWS gives no other id of it (`principal_id` is the ARN again). The
 *   account's number is in it, so only who may delete a role there and make another of the same name can take it over, and
 *   that one speaks for the account anyway.
 * - `aws_account`, and `lambda_source_function_arn` where a function asks: what derived delegates state besides. Functions of
 *   one role share its ARN.
 * - `request_tags`: written by the caller. Never decided on.
 * No claim tells one run from another, so every request must send `task`. Nobody is named who started it.
 */
export const aws: Preset = {
  name: 'aws',
  mapping: {
    anchor: 'sub',
    segments: [],
    sealed: [],
    delegate: [`${MEMBER}/aws_account`, `${MEMBER}/lambda_source_function_arn`],
  },
  mappingIsConfigurable: false,
  // One call, one token with its own `jti`, for 5 minutes by default.
  reuse: 'once',
  // The caller chooses: `SigningAlgorithm` of GetWebIdentityToken.
  algorithms: ['ES384', 'RS256'],
  issuerForm: issuerLike(
    /^https:\/\/[a-z0-9-]+\.tokens\.sts\.[a-z0-9-]+\.api\.aws$/,
    "the account's issuer, https://ID.tokens.sts.global.api.aws, as aws iam get-outbound-web-identity-federation-info prints it",
  ),
  starterIsUnknown: () => false,
  describe: (claims) => {
    const source = pickText(claims, `${MEMBER}/lambda_source_function_arn`)
    return readable(`${pickText(claims, 'sub') ?? 'a principal'}${source === undefined ? '' : `, by ${source}`}`)
  },
  referenceTo: () => undefined,
}
