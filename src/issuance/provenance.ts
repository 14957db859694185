import { webOrigin } from '../workloads/presets/github-actions.js'
import { pickText } from '../workloads/claims.js'
import type { PresetName } from '../workloads/source.js'
import type { Workload } from '../workloads/workload.js'
import type { GrantId, TaskId } from '../runtime/ids.js'
import { encode, oid, raw, sequence, utf8String, type DerValue } from '../x509/write-der.js'

/*
 * What a certificate says of where it comes from: the grant, the task, and what the assertion proved. The latter is named by
 * Fulcio's object identifiers (sigstore/fulcio docs/oid-info.md, and config/identity/config.yaml for the claims of each
 * provider), so that one name means one thing on both sides. docs/oid.md lists all of it, and is tested against this file.
 */

/**
 * Everything of our own lies below. Errand has no enterprise number of its own; this arc is UUID
 * 690bda32-2bb4-46ca-a889-204cc2b0dd5b below 1.2.840.113556.1.8000.2554, which Microsoft set aside for UUIDs in seven
 * parts. The shorter way, 2.25 and the UUID as one number (ITU-T X.667), is closed to certificates: a number above 31 bits
 * makes Go's crypto/x509 refuse the whole certificate (golang/go#58821), and old versions of pyca/cryptography, too (#6872).
 */
export const ERRAND_ARC = '1.2.840.113556.1.8000.2554.26891.55858.11188.18122.43145.2116802.11591003'

/** The extension: `SEQUENCE OF SEQUENCE { name OBJECT IDENTIFIER, value UTF8String }`. */
export const PROVENANCE_EXTENSION = `${ERRAND_ARC}.1`

const FULCIO_ARC = '1.3.6.1.4.1.57264.1'

export const PROVENANCE_OIDS = {
  Grant: `${ERRAND_ARC}.2`,
  Task: `${ERRAND_ARC}.3`,
  'Issuer (V2)': `${FULCIO_ARC}.8`,
  'Build Signer URI': `${FULCIO_ARC}.9`,
  'Build Signer Digest': `${FULCIO_ARC}.10`,
  'Runner Environment': `${FULCIO_ARC}.11`,
  'Source Repository URI': `${FULCIO_ARC}.12`,
  'Source Repository Digest': `${FULCIO_ARC}.13`,
  'Source Repository Ref': `${FULCIO_ARC}.14`,
  'Source Repository Identifier': `${FULCIO_ARC}.15`,
  'Source Repository Owner URI': `${FULCIO_ARC}.16`,
  'Source Repository Owner Identifier': `${FULCIO_ARC}.17`,
  'Build Config URI': `${FULCIO_ARC}.18`,
  'Build Config Digest': `${FULCIO_ARC}.19`,
  'Build Trigger': `${FULCIO_ARC}.20`,
  'Run Invocation URI': `${FULCIO_ARC}.21`,
  'Source Repository Visibility At Signing': `${FULCIO_ARC}.22`,
  'Deployment Environment': `${FULCIO_ARC}.23`,
} as const

export type ProvenanceName = keyof typeof PROVENANCE_OIDS

/** In the order of the table above. */
export type Provenance = readonly { readonly name: ProvenanceName; readonly value: string }[]

/** `{claim}` stands for a claim's text, `{server}` for the provider's web address. Where one is not there, nothing is said. */
type Template = string | { readonly if: string; readonly is: string; readonly then: string }

interface ProviderMapping {
  readonly server: (issuer: string) => string | undefined
  /** The first template that can be filled in is taken. */
  readonly names: Readonly<Partial<Record<ProvenanceName, readonly Template[]>>>
}

/** What Fulcio maps for each provider that both know. For all others the issuer is all that is stated. */
const MAPPINGS: Readonly<Partial<Record<PresetName, ProviderMapping>>> = {
  'github-actions': {
    server: webOrigin,
    names: {
      'Build Signer URI': ['{server}/{job_workflow_ref}'],
      'Build Signer Digest': ['{job_workflow_sha}'],
      'Runner Environment': ['{runner_environment}'],
      'Source Repository URI': ['{server}/{repository}'],
      'Source Repository Digest': ['{sha}'],
      'Source Repository Ref': ['{ref}'],
      'Source Repository Identifier': ['{repository_id}'],
      'Source Repository Owner URI': ['{server}/{repository_owner}'],
      'Source Repository Owner Identifier': ['{repository_owner_id}'],
      'Build Config URI': ['{server}/{workflow_ref}'],
      'Build Config Digest': ['{workflow_sha}'],
      'Build Trigger': ['{event_name}'],
      'Run Invocation URI': ['{server}/{repository}/actions/runs/{run_id}/attempts/{run_attempt}'],
      'Source Repository Visibility At Signing': ['{repository_visibility}'],
      'Deployment Environment': ['{environment}'],
    },
  },
  'gitlab-ci': {
    server: (issuer) => issuer.replace(/\/$/, ''),
    names: {
      'Build Signer URI': ['https://{ci_config_ref_uri}'],
      'Build Signer Digest': ['{ci_config_sha}'],
      'Runner Environment': ['{runner_environment}'],
      'Source Repository URI': ['{server}/{project_path}'],
      'Source Repository Digest': ['{sha}'],
      'Source Repository Ref': [
        { if: 'ref_type', is: 'branch', then: 'refs/heads/{ref}' },
        { if: 'ref_type', is: 'tag', then: 'refs/tags/{ref}' },
      ],
      'Source Repository Identifier': ['{project_id}'],
      'Source Repository Owner URI': ['{server}/{namespace_path}'],
      'Source Repository Owner Identifier': ['{namespace_id}'],
      'Build Config URI': ['https://{ci_config_ref_uri}'],
      'Build Config Digest': ['{ci_config_sha}'],
      'Build Trigger': ['{pipeline_source}'],
      'Run Invocation URI': ['{server}/{project_path}/-/jobs/{job_id}'],
      'Source Repository Visibility At Signing': ['{project_visibility}'],
      'Deployment Environment': ['{environment}'],
    },
  },
  buildkite: {
    server: () => 'https://buildkite.com',
    names: {
      'Runner Environment': ['{runner_environment}'],
      'Source Repository Digest': ['{build_commit}'],
      'Build Trigger': ['{build_source}'],
      'Run Invocation URI': ['{server}/{organization_slug}/{pipeline_slug}/builds/{build_number}#{job_id}'],
    },
  },
  circleci: {
    // A server of one's own has its addresses elsewhere, and no claim says where.
    server: (issuer) => (issuer.startsWith('https://oidc.circleci.com/') ? 'https://circleci.com' : undefined),
    names: {
      'Build Signer URI': [
        '{server}/api/v2/projects/{oidc.circleci.com/project-id}/pipeline-definitions/{oidc.circleci.com/pipeline-definition-id}',
      ],
      'Runner Environment': [{ if: 'oidc.circleci.com/ssh-rerun', is: 'true', then: 'ssh-rerun' }],
      'Source Repository URI': ['{oidc.circleci.com/vcs-origin}'],
      'Source Repository Ref': ['{oidc.circleci.com/vcs-ref}'],
      'Build Config URI': ['{server}/api/v2/pipeline/{oidc.circleci.com/pipeline-id}/config'],
    },
  },
}

/** The same, by the name of the preset. */
export const PROVENANCE_CLAIMS: ReadonlyMap<string, ProviderMapping> = new Map(Object.entries(MAPPINGS))

/** A template taken apart once: texts, and claims between them. */
interface Compiled {
  readonly when: { readonly claim: string; readonly is: string } | undefined
  readonly parts: readonly (string | { readonly claim: string })[]
}

const compile = (template: Template): Compiled => ({
  when: typeof template === 'string' ? undefined : { claim: template.if, is: template.is },
  parts: (typeof template === 'string' ? template : template.then)
    .split(/(\{[^}]+\})/)
    .filter((part) => part !== '')
    .map((part) => (part.startsWith('{') ? { claim: part.slice(1, -1) } : part)),
})

const COMPILED: ReadonlyMap<string, ReadonlyMap<ProvenanceName, readonly Compiled[]>> = new Map(
  [...PROVENANCE_CLAIMS].map(([preset, { names }]) => [
    preset,
    new Map(Object.entries(names).map(([name, templates]) => [name as ProvenanceName, templates.map(compile)])),
  ]),
)

/** A longer one is left out whole: half of it would be false. */
const MAX_VALUE_CHARS = 512
/** Whoever names a branch writes what somebody will read: nothing that changes how the rest reads (RFC 9839 §2). */
const UNREADABLE = /[\p{C}\p{Zl}\p{Zp}]/u

const NAMES = Object.keys(PROVENANCE_OIDS) as readonly ProvenanceName[]

/** Who acts, by what their assertion proved; under which grant and task. Only what is known is stated. */
export function provenanceOf(
  workload: Pick<Workload, 'preset' | 'issuer' | 'claims'>,
  { grantId, taskId }: { readonly grantId: GrantId; readonly taskId: TaskId },
): Provenance {
  const { preset = '', issuer, claims } = workload
  const server = PROVENANCE_CLAIMS.get(preset)?.server(issuer)
  const names = COMPILED.get(preset)
  const given: Partial<Record<ProvenanceName, string>> = { Grant: grantId, Task: taskId, 'Issuer (V2)': issuer }
  const stated: { name: ProvenanceName; value: string }[] = []
  for (const name of NAMES) {
    const value = given[name] ?? firstFilled(names?.get(name) ?? [], claims, server)
    if (value !== undefined && value.length <= MAX_VALUE_CHARS && !UNREADABLE.test(value)) stated.push({ name, value })
  }
  return stated
}

function firstFilled(
  templates: readonly Compiled[],
  claims: Workload['claims'],
  server: string | undefined,
): string | undefined {
  for (const template of templates) {
    const value = fill(template, claims, server)
    if (value !== undefined) return value
  }
  return undefined
}

function fill({ when, parts }: Compiled, claims: Workload['claims'], server: string | undefined): string | undefined {
  if (when !== undefined && pickText(claims, when.claim) !== when.is) return undefined
  let value = ''
  for (const part of parts) {
    const text = typeof part === 'string' ? part : part.claim === 'server' ? server : pickText(claims, part.claim)
    if (text === undefined || text === '') return undefined
    value += text
  }
  return value
}

const ENCODED_OIDS: ReadonlyMap<ProvenanceName, DerValue> = new Map(
  NAMES.map((name) => [name, raw(encode(oid(PROVENANCE_OIDS[name])))]),
)

/** The extension's value. */
export function encodeProvenance(provenance: Provenance): Buffer {
  const pairs = provenance.map(({ name, value }) =>
    sequence(ENCODED_OIDS.get(name) ?? oid(PROVENANCE_OIDS[name]), utf8String(value)),
  )
  return encode(sequence(...pairs))
}
