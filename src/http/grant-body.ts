import { z } from 'zod'
import { BINDINGS } from '../grants/grant.js'
import { lengthOf, plainText } from '../oauth/plain-text.js'
import { parseScope } from '../oauth/scope.js'
import { PLAIN_COMMON_NAME, PLAIN_DNS_NAME } from '../x509/name-syntax.js'
import { detailSchema } from './grant-view.js'

const MAX_PURPOSE = 500
const SCOPE = z
  .string()
  .max(2048)
  .transform((text, context): readonly string[] => {
    if (text === '') return []
    const scope = parseScope(text)
    if (scope === undefined) context.addIssue('not a scope (RFC 6749 §3.3)')
    return scope ?? []
  })
const shown = (longest: number) =>
  z
    .string()
    .refine((text) => lengthOf(text) <= longest, `more than ${longest} characters`)
    .transform(plainText)

const namesSchema = z
  .strictObject({
    common_name: z
      .string()
      .regex(PLAIN_COMMON_NAME, 'not a common name: 1 to 64 printable ASCII characters')
      .optional(),
    dns: z
      .array(z.string().regex(PLAIN_DNS_NAME, 'not a DNS name in lowercase'))
      .max(16)
      .transform((names) => [...new Set(names)].sort())
      .prefault([]),
  })
  .refine(
    ({ common_name, dns }) => common_name !== undefined || dns.length > 0,
    'name at least one, or leave names out',
  )
  .describe('the very names that certificates will carry')

/** The body of `POST /grants`. Strict: a member that nobody reads would be believed to count. */
export const grantBodySchema = z.strictObject({
  delegate: z
    .strictObject({
      issuer: z.string().min(1).max(2048),
      subject: z.string().max(1024).default('*'),
      claims: z.record(z.string().min(1).max(256), z.string().max(1024)).default({}),
    })
    .optional(),
  task: z
    .strictObject({
      description: shown(500).default(''),
      reference: shown(2048).default(''),
      max_tasks: z.int().min(1).max(1_000_000).default(1),
    })
    .prefault({}),
  access: z
    .array(
      z.strictObject({
        audience: z.string().min(1).max(2048),
        scope: SCOPE.prefault(''),
        authorization_details: z.array(detailSchema).max(16).default([]),
      }),
    )
    .min(1)
    .max(16),
  credential: z
    .strictObject({
      types: z
        .array(z.enum(['jwt', 'x509']))
        .min(1)
        .transform((types) => [...new Set(types)].sort())
        .prefault(['jwt']),
      max_ttl_seconds: z.int().min(1).max(3600).optional(),
      binding: z.enum(BINDINGS).default('none'),
      names: namesSchema.optional(),
    })
    .prefault({}),
  delegation: z
    .strictObject({
      to: z.array(z.string().startsWith('spiffe://').max(127)).max(64).default([]),
      max_depth: z.int().min(0).max(16).default(0),
      max_children: z.int().min(0).max(1000).default(0),
    })
    .prefault({}),
  duration_seconds: z
    .int()
    .min(1)
    .max(366 * 86_400)
    .default(3600),
  purpose: shown(MAX_PURPOSE).refine((text) => text !== '', 'say why'),
})
