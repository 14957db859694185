import { z } from 'zod'
import { ALGORITHMS } from '../../workloads/algorithms.js'
import * as value from '../values.js'

/* What stands in several sections. */

export const signingAlgorithms = ['ES256', 'RS256', 'PS256', 'EdDSA'] as const

export const groups = () => z.array(value.group()).max(100).default([])

export const audiences = () => z.array(value.target()).min(1).max(20)

export const algorithms = () => z.array(z.enum([...ALGORITHMS.keys()])).min(1)

export const keySource = {
  jwks_uri: value
    .foreignUrl()
    .optional()
    .describe("Where the issuer's keys are, if not where its discovery document says."),
  ca_file: value.file().optional().describe('PEM of the private CA behind which the issuer is reached.'),
  token_file: value
    .file()
    .optional()
    .describe('A bearer token for fetching the keys, read anew each time; Kubernetes asks for one.'),
}
