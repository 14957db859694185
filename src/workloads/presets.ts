import type { Preset } from './presets/preset.js'
import { attestation } from './presets/attestation.js'
import { aws } from './presets/aws.js'
import { azure } from './presets/azure.js'
import { bitbucketPipelines } from './presets/bitbucket-pipelines.js'
import { buildkite } from './presets/buildkite.js'
import { circleci } from './presets/circleci.js'
import { generic } from './presets/generic.js'
import { githubActions } from './presets/github-actions.js'
import { gitlabCi } from './presets/gitlab-ci.js'
import { google, googleCompute } from './presets/google.js'
import { kubernetes } from './presets/kubernetes.js'
import { spiffe } from './presets/spiffe.js'
import type { PresetName } from './source.js'

/** Every preset by its name in the configuration. */
export const PRESETS: ReadonlyMap<PresetName, Preset> = new Map(
  [
    githubActions,
    gitlabCi,
    circleci,
    buildkite,
    bitbucketPipelines,
    kubernetes,
    google,
    googleCompute,
    azure,
    aws,
    spiffe,
    attestation,
    generic,
  ].map((preset) => [preset.name, preset]),
)
