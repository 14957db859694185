import { z } from 'zod'

export const log = z
  .strictObject({
    level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('The least that is logged.'),
  })
  .prefault({})
  .describe('The log, as JSON lines on standard output.')
