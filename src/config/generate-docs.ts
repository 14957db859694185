import { renderJsonSchema, renderReference } from './reference.js'

/** What is written from the schema of the configuration; `npm run docs` writes it, a test compares it. */
export const configurationDocuments: readonly { readonly path: string; readonly make: () => string }[] = [
  { path: 'config/errand.schema.json', make: renderJsonSchema },
  { path: 'docs/configuration.md', make: renderReference },
]
