import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { storeUnavailable } from './faults.js'

/**
 * The document of a grant, as it rests: `=` and the text, or `z` and the text deflated with a dictionary of what such
 * documents say. Grants wait for months, so those that people decide on are deflated; those made by rule, on the hot
 * path, live for one run and are kept as they are. (An index of the size classes of the allocator: 600 characters cost
 * 768 bytes with their header, 400 cost 512.)
 */
const PLAIN = 0x3d
const DEFLATED = 0x7a

/** It is part of the format: rows that were written with it can be read only with it. Another one needs another letter. */
const DICTIONARY = Buffer.from(
  [
    'webauthn","credential_id":"","authenticator_data":"","client_data":"","signature":"',
    'bitbucket_pipelines buildkite circleci azure devops "sts.amazonaws.com" service_account oauth2 ',
    '"type":"database_query","actions":["read","write"],"locations":["https://',
    '"kubernetes.io/serviceaccount/uid":"","namespace":"default","pod":"system:serviceaccount:',
    'https://kubernetes.default.svc.cluster.local","https://gitlab.com","project_path:group/project:ref_type:branch:ref:',
    '"project_id":"","pipeline_id":"","job_id":"","namespace_id":"","ref_protected":"true","user_id":"',
    '"repository_owner_id":"","workflow_ref":"","job_workflow_ref":"@refs/heads/main","ref":"refs/tags/v',
    '","event_name":"workflow_dispatch","actor_id":"","environment":"staging","',
    'read write admin deploy:staging release migrate database terraform apply approved ok lgtm security platform ',
    '["low",["critical",["https://token.actions.githubusercontent.com","repo:',
    '/*",{"repository_id":"","environment":"production"}],{"run_id":"","run_attempt":"1","check_run_id":"',
    '"],["Deploy ","https://github.com//actions/runs/",1],[["https://deploy.example.com","deploy:production",[]]],',
    '[[0,1],600,1,0],[[],0,0],"',
    '",[0,"spiffe://errand.example.com/github/",0],"platform",17,3600,[["platform",1],["security",1]],1,17,17,',
    '["github","',
    '"],[["corp:","platform",1,"","security",1,"",0,0,0,0],0]',
  ].join(''),
)

export const plainDocument = (text: string): string => `=${text}`

export const deflatedDocument = (text: string): Buffer =>
  Buffer.concat([Buffer.of(DEFLATED), deflateRawSync(text, { dictionary: DICTIONARY, level: 9 })])

export function documentOf(stored: Buffer): string {
  if (stored[0] === PLAIN) return stored.toString('utf8', 1)
  if (stored[0] !== DEFLATED) throw storeUnavailable('a record in Redis has an unknown form')
  try {
    return inflateRawSync(stored.subarray(1), { dictionary: DICTIONARY }).toString('utf8')
  } catch (cause) {
    throw storeUnavailable('a record in Redis cannot be read', cause)
  }
}
