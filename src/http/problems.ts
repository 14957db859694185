import { problemSchema } from './errors.js'
import type { ResponseDocs } from './route.js'

/** What every JSON endpoint may answer besides its own. */
export const PROBLEMS: Readonly<Record<number, ResponseDocs>> = {
  400: { description: 'Malformed or not acceptable', schema: problemSchema, mediaType: 'application/problem+json' },
  401: {
    description: 'Nobody proved themselves, or too weakly',
    schema: problemSchema,
    mediaType: 'application/problem+json',
  },
  403: { description: 'Not the caller’s to do', schema: problemSchema, mediaType: 'application/problem+json' },
  404: { description: 'Unknown to the caller', schema: problemSchema, mediaType: 'application/problem+json' },
  409: { description: 'It is not in the state for this', schema: problemSchema, mediaType: 'application/problem+json' },
  429: { description: 'Too fast, or too many', schema: problemSchema, mediaType: 'application/problem+json' },
  503: { description: 'Not available at the moment', schema: problemSchema, mediaType: 'application/problem+json' },
}
