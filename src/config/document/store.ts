import { z } from 'zod'
import * as value from '../values.js'

export const store = z
  .strictObject({
    url: value
      .storeUrl()
      .default('embedded:./data')
      .describe(
        '`embedded:FOLDER`, `redis://HOST:PORT`, `redis+sentinel://A,B,C/NAME` or `redis+cluster://A,B,C`; with `rediss` for TLS (a private CA by NODE_EXTRA_CA_CERTS). An ACL user may stand before `@`, a password may not.',
      ),
    durability: z
      .enum(['strict', 'relaxed', 'trusted'])
      .optional()
      .describe(
        'Redis only. `strict` (default): `appendfsync always` and `noeviction`, or Errand does not start; `relaxed`: accepts everysec and warns; `trusted`: for servers that hide their settings.',
      ),
    replicas: value
      .wholeNumber(0, 10)
      .optional()
      .describe('Redis only. Every acknowledged write waits for so many replicas. Default: 0.'),
    password_file: value.file().optional().describe('Redis only. A file with the password.'),
    password_env: value
      .environmentName()
      .optional()
      .describe('Redis only. The environment variable with the password.'),
  })
  .prefault({})
  .describe('Where grants, tasks and evidence are kept.')
