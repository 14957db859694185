import { z } from 'zod'
import { CERTIFICATE_NAMES } from '../../workloads/certificate-facts.js'
import { PRESETS } from '../../workloads/presets.js'
import * as value from '../values.js'
import { algorithms, audiences, keySource } from './common.js'

export const workload = z
  .strictObject({
    name: value.name().describe('Its name here and in `spiffe://<trust_domain>/<name>/…`.'),
    preset: z.enum([...PRESETS.keys()]).describe('What kind of issuer it is; says which claims mean what.'),
    issuer: value
      .workloadIssuer()
      .describe('Its `iss`, to the letter; for `spiffe` the trust domain, like `spiffe://prod.example.com`.'),
    audiences: audiences().describe('An assertion must be made for one of these.'),
    require: value
      .claimPatterns()
      .default({})
      .describe('Claims that every assertion must have. A shared public issuer needs an immutable tenant id here.'),
    owner: value.group().describe('The group that answers for these workloads.'),
    reuse: z
      .enum(['once', 'task', 'until_expiry'])
      .optional()
      .describe('How often one assertion serves: for one exchange, one task, or until it expires. The preset knows.'),
    algorithms: algorithms().optional().describe("Signatures that are accepted. The preset knows its issuer's."),
    max_age: value
      .duration('10s', '24h')
      .optional()
      .describe('Refuse an assertion that is older than this, whatever its `exp`.'),
    leeway: value
      .duration('0s', '2m')
      .optional()
      .describe('Clock leeway on `nbf` and `iat`. Default: `limits.leeway`.'),
    ...keySource,
    token_review: z
      .strictObject({
        url: value.foreignUrl().describe('The API server, like https://kubernetes.default.svc.'),
        ca_file: value.file().optional().describe('PEM of its private CA. Default: `ca_file` of the source.'),
        token_file: value
          .file()
          .optional()
          .describe(
            "Errand's own token for it, read anew each time; its account has the role `system:auth-delegator`. Default: `token_file` of the source.",
          ),
      })
      .optional()
      .describe(
        'For `kubernetes`: ask the cluster by TokenReview whether the pod of a token still runs. Otherwise a token serves until it expires. While the API server does not answer, nothing is issued.',
      ),
    bundle: z
      .strictObject({
        uri: value.foreignUrl().optional().describe('The bundle endpoint.'),
        ca_file: value
          .file()
          .optional()
          .describe('PEM of the private CA of the endpoint, where it has a certificate of one (`https_web`).'),
        endpoint_id: value
          .spiffeId()
          .optional()
          .describe('The SPIFFE ID of the endpoint, where it has an X.509-SVID of its own (`https_spiffe`).'),
        file: value
          .file()
          .optional()
          .describe('The bundle itself, read anew each minute; with `endpoint_id`, the one to begin with.'),
      })
      .optional()
      .describe('For `spiffe`: where the authorities of the trust domain are found.'),
    certificates: z
      .strictObject({
        roots_file: value.file().describe('PEM of the CAs in which a chain must end.'),
        subject: z
          .enum(CERTIFICATE_NAMES)
          .describe(
            'The name in the certificate that is the workload, and that `sub` must be: an alternative name, or an attribute of the subject. The certificate must have exactly one.',
          ),
        extended_key_usage: value
          .objectIdentifier()
          .optional()
          .describe(
            'A purpose that the certificate must state. Default: if it states any, clientAuth must be among them.',
          ),
        crl_files: z
          .array(value.file())
          .max(20)
          .default([])
          .describe(
            'CRLs in DER or PEM, read anew each half minute. With any, each certificate of a chain needs a fresh one of its CA.',
          ),
      })
      .optional()
      .describe('For `attestation`: whose certificates are believed.'),
    mapping: z
      .strictObject({
        anchor: value.claim().default('sub').describe('The one immutable claim that every delegate states exactly.'),
        segments: z
          .array(value.claim())
          .max(8)
          .default([])
          .describe('Claims that follow the anchor in the name; the same in every run.'),
        sealed: z
          .array(value.claim())
          .max(8)
          .default([])
          .describe('The ids of one run. Without any, each request must send `task`.'),
        started_by: value.claim().optional().describe('The id of the person who started the run.'),
        delegate: z
          .array(value.claim())
          .max(8)
          .default([])
          .describe('What a derived delegate states besides the anchor.'),
      })
      .optional()
      .describe('Which claims mean what; for `generic` only.'),
  })
  .describe('An issuer whose assertions are believed.')
