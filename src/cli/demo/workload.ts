import type { KeyObject } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { buildCsr } from '../../x509/build-csr.js'
import type { Api, ApiAnswer } from '../api.js'
import { pollDeferral, requestExchange } from '../exchange.js'
import { completeTask } from '../tasks.js'
import type { Json } from '../wire.js'
import type { Ci } from './ci.js'
import { AUDIENCE, SCOPE } from './config.js'

/** A job of one run at the CI. It has nothing but what the CI gives it, and asks for a fresh assertion each time. */
export interface Workload {
  ask(): Promise<Asked>
  poll(code: string): Promise<ApiAnswer>
  /** Asks for a certificate for this key, and waits for nobody. */
  certify(key: KeyObject): Promise<ApiAnswer>
  complete(taskId: string): Promise<unknown>
}

export interface Asked {
  readonly answer: ApiAnswer
  /** The assertion had never been sent before. */
  readonly fresh: boolean
}

const PURPOSE = 'release 4.2 of the shop'

/** @param sent the ids of assertions that were sent so far, by any job */
export const workloadOf = (api: Api, ci: Ci, run: string, sent: Set<string>): Workload => {
  const present = async (): Promise<{ readonly token: string; readonly fresh: boolean }> => {
    const { token, id } = await ci.assertionFor(run)
    const fresh = !sent.has(id)
    sent.add(id)
    return { token, fresh }
  }
  return {
    ask: async () => {
      const { token, fresh } = await present()
      const wanted = { audience: AUDIENCE, scope: SCOPE, purpose: PURPOSE }
      return { answer: await requestExchange(api, token, wanted, { deferred: true }), fresh }
    },
    poll: async (code) => pollDeferral(api, (await present()).token, code),
    certify: async (key) => {
      const wanted = { audience: AUDIENCE, scope: SCOPE, csr: buildCsr(key) }
      return requestExchange(api, (await present()).token, wanted, { deferred: false })
    },
    complete: async (taskId) => completeTask(api, (await present()).token, taskId),
  }
}

/** What the credential says, without its signature: it can be shown. */
export const decode = (token: string): { readonly header: Json; readonly claims: Json } => ({
  header: { ...decodeProtectedHeader(token) },
  claims: { ...decodeJwt(token) },
})
