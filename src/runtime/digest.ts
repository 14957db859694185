import { hash } from 'node:crypto'

/** SHA-256 as lowercase hex. */
export const sha256Hex = (text: string | Uint8Array): string => hash('sha256', text, 'hex')

/** SHA-256, base64url without padding: 43 characters. The form of record keys and of hashed codes. */
export const sha256Base64url = (text: string | Uint8Array): string => hash('sha256', text, 'base64url')
