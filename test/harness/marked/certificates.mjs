// @ts-check
import { issueCertificate as issue } from '../../../dist/issuance/certificate.js'
import { mark } from './marks.mjs'

export * from '../../../dist/issuance/certificate.js'

/** @type {typeof issue} */
export const issueCertificate = (template) => {
  const chain = issue(template)
  // A mark is one line.
  mark('signed', chain.replaceAll('\n', '|'))
  return chain
}
