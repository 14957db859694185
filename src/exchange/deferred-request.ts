import type { Access } from '../grants/grant.js'

/** The exchange that a deferral code stands for: carried out as it was asked, when people have approved it. */
export interface DeferredRequest {
  readonly access: Access
  readonly task: string | undefined
  readonly lifetime: number | undefined
  readonly requestedTokenType: 'access_token' | 'jwt'
}

export const encodeDeferredRequest = (request: DeferredRequest): string => JSON.stringify(request)

/** Only ever our own text. What it asks for is checked against the approved grant, whose MAC has been verified. */
export const decodeDeferredRequest = (text: string): DeferredRequest => JSON.parse(text) as DeferredRequest
