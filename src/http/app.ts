import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import type { Dispatch } from './dispatch.js'
import { pathsOf, type Route } from './route.js'

/**
 * The express application of one listener: it finds the route, and everything else is `Dispatch`. What is mounted here
 * later (pages, agent tools) gets the same limits and errors by going through it.
 */
export function createApp({
  routes,
  base,
  dispatch,
}: {
  readonly routes: readonly Route[]
  readonly base: string
  readonly dispatch: Dispatch
}): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.enable('case sensitive routing')
  app.enable('strict routing')
  // Addresses are decided in address.ts; queries are parsed by the route.
  app.set('trust proxy', false)
  app.set('query parser', false)

  for (const [path, served] of byPath(routes, base)) {
    const pattern = patternOf(path, served)
    for (const route of served) {
      app[route.method === 'GET' ? 'get' : 'post'](pattern, (req: Request, res: Response) =>
        dispatch.serve(route, req, res, paramsOf(req)),
      )
    }
    const allow = served.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
    const style = served.every((route) => route.style === 'oauth') ? 'oauth' : 'problem'
    app.all(pattern, (req: Request, res: Response) => {
      dispatch.refuse({ reason: 'method_not_allowed', allow }, style, req, res)
    })
  }
  app.use((req: Request, res: Response) => {
    dispatch.refuse({ reason: 'not_found' }, 'problem', req, res)
  })
  // Express tells an error handler by its four parameters. All that gets here is a path that cannot be decoded.
  app.use((_error: unknown, req: Request, res: Response, _next: NextFunction) => {
    dispatch.refuse({ reason: 'malformed_request', detail: 'the path cannot be decoded' }, 'problem', req, res)
  })
  return app
}

/** As express writes it. */
const patternOf = (path: string, served: readonly Route[]): string => {
  const named = path.replaceAll(/\{(\w+)\}/g, ':$1')
  return served.some(({ takesRest }) => takesRest) ? named.replace(/:(\w+)$/, '*$1') : named
}

function byPath(routes: readonly Route[], base: string): ReadonlyMap<string, readonly Route[]> {
  const found = new Map<string, Route[]>()
  for (const route of routes) {
    for (const path of pathsOf(route, base)) {
      const served = found.get(path) ?? []
      if (served.some(({ method }) => method === route.method))
        throw new RangeError(`two routes for ${route.method} ${path}`)
      found.set(path, [...served, route])
    }
  }
  return found
}

const paramsOf = (req: Request): Readonly<Record<string, string>> => {
  const params: Record<string, string> = {}
  // A rest of the path comes in pieces, split at its slashes.
  for (const [name, value] of Object.entries<string | string[]>(req.params))
    params[name] = typeof value === 'string' ? value : value.join('/')
  return params
}
