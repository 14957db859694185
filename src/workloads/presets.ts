import type { Preset } from './presets/preset.js'
import { generic } from './presets/generic.js'
import { githubActions } from './presets/github-actions.js'
import { gitlabCi } from './presets/gitlab-ci.js'
import { kubernetes } from './presets/kubernetes.js'
import type { PresetName } from './source.js'

/** Every preset by its name in the configuration. */
export const PRESETS: ReadonlyMap<PresetName, Preset> = new Map(
  [githubActions, gitlabCi, kubernetes, generic].map((preset) => [preset.name, preset]),
)
