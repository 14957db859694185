import type { IncomingMessage, ServerResponse } from 'node:http'
import helmet from 'helmet'

/** helmet looks at no request with these settings. */
const NO_REQUEST = Object.create(null) as IncomingMessage

/**
 * What every answer carries, decided by helmet once: the settings do not depend on the request, so the hot endpoint gets
 * the same headers without paying for middleware. An answer of an API is data: nothing in it may run or be framed.
 */
export function securityHeaders(): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  const recorder = {
    setHeader: (name: string, value: string) => {
      headers[name] = value
    },
    removeHeader: () => undefined,
  }
  const middleware = helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    strictTransportSecurity: { maxAge: 31_536_000 },
    // Keys and metadata are for everybody to read.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    dnsPrefetchControl: false,
    ieNoOpen: false,
    permittedCrossDomainPolicies: false,
    xssFilter: false,
    frameguard: false,
  })
  middleware(NO_REQUEST, recorder as unknown as ServerResponse, () => undefined)
  return headers
}
