// @ts-check
// Credentials of both kinds, as those who hold them read them.
import { X509Certificate } from 'node:crypto'
import { decodeJwt } from 'jose'

export const isCertificate = (/** @type {string} */ token) => token.startsWith('-----BEGIN')

/**
 * Which credential a JWT or the chain of a certificate is, and until when.
 * @param {string} token
 */
export function saidBy(token) {
  if (!isCertificate(token)) {
    const { jti, exp } = decodeJwt(token)
    return { id: String(jti), expiresAt: Number(exp) }
  }
  const { serialNumber, validTo } = new X509Certificate(token)
  return { id: `cr_${serialNumber.toLowerCase()}`, expiresAt: Date.parse(validTo) / 1000 }
}

/**
 * What was signed, by credential, whether it left or not.
 * @param {readonly { step: string, detail: string }[]} marks
 * @returns {ReadonlyMap<string, string>}
 */
export function tokensIn(marks) {
  const tokens = marks.flatMap(({ step, detail }) => (step === 'signed' ? [detail.replaceAll('|', '\n')] : []))
  return new Map(tokens.map((token) => [saidBy(token).id, token]))
}
