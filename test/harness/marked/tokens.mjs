// @ts-check
import { createTokens as create } from '../../../dist/issuance/jwt.js'
import { mark } from './marks.mjs'
import { laidOver } from './lay-over.mjs'

export * from '../../../dist/issuance/jwt.js'

/** @type {typeof create} */
export const createTokens = (deps) => {
  const tokens = create(deps)
  return laidOver(tokens, {
    signAccessToken: (claims, alg) => {
      const token = tokens.signAccessToken(claims, alg)
      mark('signed', token)
      return token
    },
  })
}
