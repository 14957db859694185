// @ts-check
// Module hooks: whoever imports one of these gets the marked one, except the marked one itself.
const DIST = new URL('../../../dist/', import.meta.url).href
const MARKED = new URL('./', import.meta.url).href

/** @type {ReadonlyMap<string, string>} */
const replacements = new Map(
  Object.entries({
    'storage/embedded/open.js': 'embedded.mjs',
    'storage/redis/open.js': 'redis.mjs',
    'issuance/jwt.js': 'tokens.mjs',
    'issuance/certificate.js': 'certificates.mjs',
    'exchange/delivery.js': 'delivery.mjs',
    'workloads/verify-workload.js': 'workloads.mjs',
    'runtime/clock.js': 'clock.mjs',
  }).map(([theirs, ours]) => [`${DIST}${theirs}`, `${MARKED}${ours}`]),
)

/**
 * @param {string} specifier
 * @param {{ parentURL?: string }} context
 * @param {(specifier: string, context: object) => Promise<{ url: string }>} next
 */
export async function resolve(specifier, context, next) {
  const resolved = await next(specifier, context)
  const url = replacements.get(resolved.url)
  return url === undefined || context.parentURL?.startsWith(MARKED) === true ? resolved : { ...resolved, url }
}
