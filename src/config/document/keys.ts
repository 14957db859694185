import { z } from 'zod'
import * as value from '../values.js'
import { signingAlgorithms } from './common.js'

export const keys = z
  .strictObject({
    signing_alg: z
      .enum(signingAlgorithms)
      .default('ES256')
      .describe('What credentials are signed with. Many stacks know no EdDSA.'),
    rotate_every: value.duration('1h', '366d').prefault('30d').describe('How long one signing key signs.'),
    encryption_key_file: value
      .file()
      .optional()
      .describe(
        '32 bytes in base64, which encrypt the signing keys and authenticate the records: `openssl rand -base64 32`. Required with Redis; the embedded store makes its own in the data directory.',
      ),
  })
  .prefault({})
  .describe("Errand's own keys.")
