import { problemSchema } from './errors.js'
import type { ResponseDocs } from './route.js'

const problem = (description: string): ResponseDocs => ({
  description,
  schema: problemSchema,
  mediaType: 'application/problem+json',
})

/** What every JSON endpoint may answer besides its own. */
export const PROBLEMS: Readonly<Record<number, ResponseDocs>> = {
  400: problem('Malformed or not acceptable'),
  401: problem('Nobody proved themselves, or too weakly'),
  403: problem('Not the caller’s to do'),
  404: problem('Unknown to the caller'),
  409: problem('It is not in the state for this'),
  429: problem('Too fast, or too many'),
  503: problem('Not available at the moment'),
}
