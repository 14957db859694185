// @ts-check
import { createWorkloadVerifier as create } from '../../../dist/workloads/verify-workload.js'
import { mark } from './marks.mjs'

export * from '../../../dist/workloads/verify-workload.js'

/** @type {typeof create} */
export const createWorkloadVerifier = (deps) => {
  const verify = create(deps)
  return (assertion) => {
    mark('received')
    return verify(assertion)
  }
}
