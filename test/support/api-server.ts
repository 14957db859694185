import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { decodeJwt } from 'jose'

/** A Kubernetes API server as far as TokenReview goes, over https: it knows which pods live, and can fail as servers do. */
export interface ApiServer {
  readonly url: string
  /** Uids of the pods that run. */
  readonly pods: Set<string>
  /** What was asked, oldest first. */
  readonly reviews: ReviewRequest[]
  behave(how: ApiServerBehaviour): void
  stop(): Promise<void>
}

export interface ReviewRequest {
  readonly authorization: string | undefined
  readonly path: string | undefined
  readonly method: string | undefined
  readonly body: {
    readonly apiVersion?: string
    readonly kind?: string
    readonly spec?: { readonly token?: string; readonly audiences?: readonly string[] }
  }
}

export type ApiServerBehaviour =
  | { readonly kind: 'well' }
  /** `status` is laid over what it would have answered. */
  | { readonly kind: 'saying'; readonly status: Readonly<Record<string, unknown>> }
  /** Exactly this body, with 201. */
  | { readonly kind: 'answering'; readonly body: string }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'redirecting'; readonly to: string; readonly status: number }
  | { readonly kind: 'silent' | 'dripping' | 'hanging_up' }
  | { readonly kind: 'huge'; readonly bytes: number }
  | { readonly kind: 'held'; readonly until: Promise<void> }

export async function startApiServer(tls: { readonly key: string; readonly cert: string }): Promise<ApiServer> {
  const pods = new Set<string>()
  const reviews: ReviewRequest[] = []
  let behaviour: ApiServerBehaviour = { kind: 'well' }
  const server = createServer(tls, (request, response) => {
    void bodyOf(request).then((text) => {
      const { method, url: path, headers } = request
      const body = (text === '' ? {} : JSON.parse(text)) as ReviewRequest['body']
      reviews.push({ authorization: headers.authorization, path, method, body })
      answer(behaviour, response, statusOf(body, pods))
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    pods,
    reviews,
    behave: (how) => {
      behaviour = how
    },
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

/** As the API server of a cluster answers: `authenticated` is left out where it is false. */
function statusOf({ spec }: ReviewRequest['body'], pods: ReadonlySet<string>): Readonly<Record<string, unknown>> {
  const claims = decodeJwt(spec?.token ?? '')
  const bound = claims['kubernetes.io'] as {
    readonly pod: { readonly name: string; readonly uid: string }
    readonly serviceaccount: { readonly uid: string }
    readonly namespace: string
  }
  const error = (why: string) => ({ user: {}, error: `[invalid bearer token, ${why}]` })
  if (!pods.has(bound.pod.uid)) return error('pod has been deleted')
  const audiences = [claims.aud ?? []].flat().filter((audience) => spec?.audiences?.includes(audience))
  if (audiences.length === 0) return error('token audiences are invalid for the target audiences')
  return {
    authenticated: true,
    user: {
      username: claims.sub,
      uid: bound.serviceaccount.uid,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${bound.namespace}`, 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/pod-name': [bound.pod.name],
        'authentication.kubernetes.io/pod-uid': [bound.pod.uid],
      },
    },
    audiences,
  }
}

function answer(
  behaviour: ApiServerBehaviour,
  response: ServerResponse,
  status: Readonly<Record<string, unknown>>,
): void {
  const send = (body: unknown): void => {
    response.writeHead(201, { 'content-type': 'application/json' }).end(
      typeof body === 'string'
        ? body
        : JSON.stringify({
            kind: 'TokenReview',
            apiVersion: 'authentication.k8s.io/v1',
            metadata: {},
            spec: {},
            status: body,
          }),
    )
  }
  switch (behaviour.kind) {
    case 'well':
      send(status)
      return
    case 'saying':
      send({ ...status, ...behaviour.status })
      return
    case 'answering':
      send(behaviour.body)
      return
    case 'status':
      response
        .writeHead(behaviour.status, { 'content-type': 'application/json' })
        .end('{"kind":"Status","status":"Failure"}')
      return
    case 'redirecting':
      response.writeHead(behaviour.status, { location: behaviour.to }).end()
      return
    case 'silent':
      return
    case 'dripping': {
      response.writeHead(201, { 'content-type': 'application/json' })
      const drip = setInterval(() => response.write(' '), 20)
      response.on('close', () => {
        clearInterval(drip)
      })
      return
    }
    case 'hanging_up':
      response.socket?.destroy()
      return
    case 'huge':
      send(' '.repeat(behaviour.bytes))
      return
    case 'held':
      void behaviour.until.then(() => {
        send(status)
      })
  }
}
