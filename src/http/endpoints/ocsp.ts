import { z } from 'zod'
import type { AnswerOcsp } from '../../revocation/ocsp.js'
import type { HttpAnswer } from '../answer.js'
import { bytesRoute, getRoute, type Route } from '../route.js'
import { PKI_SERVICES } from './ca.js'

const RESPONSE_TYPE = 'application/ocsp-response'
const common = {
  place: 'anywhere',
  services: PKI_SERVICES,
  isFrequent: true,
  tag: 'pki',
  // Every answer of the protocol is a 200, errors too (RFC 6960 §A.2).
  responses: { 200: { description: 'OCSPResponse, DER', mediaType: RESPONSE_TYPE } },
} as const

/** `POST /ocsp` and `GET /ocsp/{base64}` (RFC 6960 §A.1). nginx asks by GET; others leave the slashes of base64 as they are. */
export const ocspRoutes = (answer: AnswerOcsp): readonly Route[] => [
  bytesRoute({
    ...common,
    path: '/ocsp',
    operationId: 'postOcsp',
    summary: 'How certificates stand (RFC 6960)',
    mediaType: 'application/ocsp-request',
    handle: (body) => respond(answer, body),
  }),
  {
    ...getRoute({
      ...common,
      path: '/ocsp/{base64}',
      operationId: 'getOcsp',
      summary: 'How certificates stand, the request in base64',
      query: z.looseObject({}),
      handle: ({ params }) => respond(answer, bytesIn(params['base64'] ?? '')),
    }),
    takesRest: true,
  },
]

/** Empty, which is malformed, for anything but base64. */
const bytesIn = (text: string): Buffer => {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '') ? bytes : Buffer.alloc(0)
}

/** Nothing on the way keeps an answer: the next one may say that it has ended. */
async function respond(answer: AnswerOcsp, request: Buffer): Promise<HttpAnswer> {
  const { der } = await answer(request)
  return { status: 200, headers: { 'Content-Type': RESPONSE_TYPE, 'Cache-Control': 'no-store' }, body: der }
}
