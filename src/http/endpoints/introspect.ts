import { z } from 'zod'
import { readForm } from '../../oauth/form.js'
import { CLIENT_ASSERTION_TYPE } from '../../oauth/urns.js'
import { introspect, type IntrospectDeps } from '../../revocation/introspect.js'
import { refuse, type Result } from '../../runtime/result.js'
import type {
  ResourceServer,
  ResourceServerProof,
  VerifyResourceServer,
} from '../../workloads/verify-resource-server.js'
import { jsonAnswer, type HttpAnswer, type RequestContext } from '../answer.js'
import { oauthErrorAnswer, oauthErrorSchema } from '../errors.js'
import { formRoute, type Route } from '../route.js'

export interface IntrospectEndpointDeps extends IntrospectDeps {
  readonly verifyResourceServer: VerifyResourceServer
}

/** `POST /introspect` (RFC 7662): for resource servers, of credentials for their own audiences. */
export const introspectRoute = (deps: IntrospectEndpointDeps): Route =>
  formRoute({
    path: '/introspect',
    operationId: 'introspect',
    summary: 'Ask whether a credential is live',
    tag: 'oauth',
    security: ['resource_server'],
    form: z.looseObject({
      token: z.string().describe('the JWT, or the PEM of the certificate'),
      token_type_hint: z.string().optional(),
      client_id: z.string().optional(),
    }),
    responses: {
      200: { description: 'Live, with its claims; or not active', schema: introspectionSchema },
      400: { description: 'Malformed', schema: oauthErrorSchema },
      401: { description: 'The resource server did not prove itself', schema: oauthErrorSchema },
      503: { description: 'Nobody can say at the moment', schema: oauthErrorSchema },
    },
    handle: (form, context) => answerIntrospection(deps, form, context),
  })

async function answerIntrospection(
  deps: IntrospectEndpointDeps,
  parameters: URLSearchParams,
  context: RequestContext,
): Promise<HttpAnswer> {
  const read = readForm(parameters, new Set())
  if ('repeated' in read) return oauthErrorAnswer({ error: 'invalid_request', description: 'a parameter is repeated' })
  const client = await authenticate(
    deps,
    read.form.get('client_assertion'),
    read.form.get('client_assertion_type'),
    read.form,
    context,
  )
  if (!client.ok) return client.refusal
  const token = read.form.get('token')
  if (token === undefined) return oauthErrorAnswer({ error: 'invalid_request', description: 'token is missing' })
  return jsonAnswer(200, await introspect(deps, token, client.value.audiences))
}

async function authenticate(
  deps: IntrospectEndpointDeps,
  assertion: string | undefined,
  assertionType: string | undefined,
  form: { get(name: string): string | undefined },
  context: RequestContext,
): Promise<Result<ResourceServer, HttpAnswer>> {
  const basic = parseBasic(context.authorization)
  if (basic !== undefined && assertion !== undefined)
    return refuse(oauthErrorAnswer({ error: 'invalid_request', description: 'authenticate in one way only' }))
  const proof: ResourceServerProof | undefined =
    assertion !== undefined && assertionType === CLIENT_ASSERTION_TYPE
      ? { method: 'assertion', assertion }
      : (basic ?? byCertificate(form.get('client_id'), context))
  if (proof === undefined) return refuse(notAuthenticated('no_proof'))
  const verified = await deps.verifyResourceServer(proof)
  if (!verified.ok) return refuse(notAuthenticated(verified.refusal.reason))
  const named = form.get('client_id')
  return named === undefined || named === verified.value.id ? verified : refuse(notAuthenticated('client_id_mismatch'))
}

/** RFC 8705 §2: who it is, the request says; the certificate proves it. */
const byCertificate = (
  id: string | undefined,
  { clientCertificate: certificate }: RequestContext,
): ResourceServerProof | undefined =>
  id === undefined || certificate === undefined ? undefined : { method: 'certificate', id, certificate }

/** RFC 6749 §2.3.1: id and secret are form-encoded before they are joined. */
function parseBasic(authorization: string | undefined): ResourceServerProof | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec(authorization ?? '')?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 1) return undefined
  try {
    return { method: 'basic', id: formDecode(text.slice(0, colon)), secret: formDecode(text.slice(colon + 1)) }
  } catch {
    return undefined
  }
}

const formDecode = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '))

function notAuthenticated(reason: string): HttpAnswer {
  const answer = oauthErrorAnswer({ error: 'invalid_client', description: 'the resource server did not prove itself' })
  return { ...answer, headers: { ...answer.headers, 'WWW-Authenticate': 'Basic realm="errand"' }, unverified: reason }
}

const introspectionSchema = z.looseObject({
  active: z.boolean(),
  sub: z.string().optional(),
  client_id: z.string().optional(),
  aud: z.string().optional(),
  scope: z.string().optional(),
  exp: z.int().optional(),
  iat: z.int().optional(),
  grant_id: z.string().optional(),
  task_id: z.string().optional(),
  act: z.looseObject({ sub: z.string() }).optional(),
  token_type: z.enum(['Bearer', 'DPoP', 'N_A']).optional(),
  cnf: z.union([z.strictObject({ jkt: z.string() }), z.strictObject({ 'x5t#S256': z.string() })]).optional(),
})
