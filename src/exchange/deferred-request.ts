import type { Access } from '../grants/grant.js'
import type { DeferralRecord } from '../grants/grant-store.js'
import type { TextMac } from '../issuance/mac.js'
import type { RequestedTokenType } from '../oauth/token-request.js'
import { Fault } from '../runtime/fault.js'
import type { Workload } from '../workloads/workload.js'

/** The exchange that a deferral code stands for: carried out as it was asked, when people have approved it. */
export interface DeferredRequest {
  readonly access: Access
  readonly task: string | undefined
  readonly lifetime: number | undefined
  readonly requestedTokenType: RequestedTokenType
  /** For a certificate: the request for it, as it was sent. */
  readonly csr: string | undefined
  /** Who asked, where the polls prove keys alone and say nothing else of it. */
  readonly asker?: Workload
}

type Place = Pick<DeferralRecord, 'hash' | 'grantId' | 'holder'>

interface Sealed {
  readonly text: string
  readonly mac: string
}

/**
 * What the store says of a request decides who gets the credential, and for which key. So it carries a MAC (invariant 8), by
 * which it is good in no other record than the one at `place`.
 */
export function encodeDeferredRequest(request: DeferredRequest, place: Place, mac: TextMac): string {
  const text = JSON.stringify(request)
  const sealed: Sealed = { text, mac: mac.make(boundText(text, place)) }
  return JSON.stringify(sealed)
}

/**
 * What it asks for is checked against the approved grant besides.
 * @throws Fault `record_tampered` for what we did not write there
 */
export function decodeDeferredRequest({ request, ...place }: DeferralRecord, mac: TextMac): DeferredRequest {
  const { text, mac: tag } = JSON.parse(request) as Partial<Sealed>
  if (text === undefined || tag === undefined || !mac.check(boundText(text, place), tag))
    throw new Fault('record_tampered', `the deferred request for grant ${place.grantId} was not written by this broker`)
  return JSON.parse(text) as DeferredRequest
}

const boundText = (text: string, { hash, grantId, holder }: Place): string =>
  JSON.stringify(['errand deferral', hash, grantId, holder, text])
