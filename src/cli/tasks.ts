import { expectSuccess, type Api } from './api.js'

/** What can be done with tasks (contract §1). `bearer` is the workload's assertion, or a person's token. */
export const readTask = (api: Api, bearer: string, id: string): Promise<unknown> =>
  expectSuccess(api.send({ method: 'GET', path: `/tasks/${id}`, bearer }))

export const completeTask = (api: Api, bearer: string, id: string): Promise<unknown> =>
  expectSuccess(api.send({ method: 'POST', path: `/tasks/${id}/complete`, bearer, json: {} }))

export const renewTask = (api: Api, bearer: string, id: string): Promise<unknown> =>
  expectSuccess(api.send({ method: 'POST', path: `/tasks/${id}/heartbeat`, bearer, json: {} }))
