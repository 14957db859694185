import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { GrantRecord } from '../../grants/grant-store.js'
import { storeUnavailable } from './faults.js'

/**
 * The document of a grant, as it rests: `=` and the text, or `z` and the text deflated with a dictionary of what such
 * documents say. The grants that people decide on wait, in great number, and are deflated: 600 characters would cost 768
 * bytes with their header, and so cost 512. Those made by rule live for one run, those that ended wait for nothing but to be
 * forgotten: neither is worth 20 µs on the paths where they are written.
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

// Small windows and buffers: they are made anew for each document.
const DEFLATE = { dictionary: DICTIONARY, level: 9, windowBits: 12, memLevel: 5, chunkSize: 1024 }
const INFLATE = { dictionary: DICTIONARY, windowBits: 12, chunkSize: 2048 }

/** Below this there is nothing to gain. */
const WORTH_DEFLATING = 300

export const plainDocument = (text: string): string => `=${text}`

/** The form for a grant that people decide on, at this status. */
export function restingDocument({ status, document }: GrantRecord): string | Buffer {
  const waits = status === 'pending' || status === 'active'
  if (!waits || document.length < WORTH_DEFLATING) return plainDocument(document)
  return Buffer.concat([Buffer.of(DEFLATED), deflateRawSync(document, DEFLATE)])
}

export function documentOf(stored: Buffer): string {
  if (stored[0] === PLAIN) return stored.toString('utf8', 1)
  if (stored[0] !== DEFLATED) throw storeUnavailable('a record in Redis has an unknown form')
  try {
    return inflateRawSync(stored.subarray(1), INFLATE).toString('utf8')
  } catch (cause) {
    throw storeUnavailable('a record in Redis cannot be read', cause)
  }
}
