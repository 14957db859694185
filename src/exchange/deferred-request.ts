import type { Access } from '../grants/grant.js'
import type { DeferralRecord } from '../grants/grant-store.js'
import { Fault } from '../runtime/fault.js'
import type { Workload } from '../workloads/workload.js'

/** The exchange that a deferral code stands for: carried out as it was asked, when people have approved it. */
export interface DeferredRequest {
  readonly access: Access
  readonly task: string | undefined
  readonly lifetime: number | undefined
  readonly requestedTokenType: 'access_token' | 'jwt'
  /**
   * Who asked, where the polls prove keys alone and say nothing else of it. What the store says of this decides who gets the
   * credential, so it carries a MAC (invariant 8).
   */
  readonly asker?: Workload
}

/** A MAC by a key that is not in the store. */
export interface DeferralMac {
  make(text: string): string
  check(text: string, tag: string): boolean
}

type Place = Pick<DeferralRecord, 'hash' | 'grantId' | 'holder'>

/** `text`: the request and who asked. */
interface Sealed {
  readonly text: string
  readonly mac: string
}

/** `place`: the record that it will stand in; with an asker it is good nowhere else. */
export function encodeDeferredRequest({ asker, ...request }: DeferredRequest, place: Place, mac: DeferralMac): string {
  if (asker === undefined) return JSON.stringify(request)
  const text = JSON.stringify({ request, asker })
  const sealed: Sealed = { text, mac: mac.make(boundText(text, place)) }
  return JSON.stringify(sealed)
}

/**
 * Only ever our own text. What it asks for is checked against the approved grant, whose MAC has been verified.
 * @throws Fault `record_tampered` for an asker that we did not write there
 */
export function decodeDeferredRequest({ request: text, ...place }: DeferralRecord, mac: DeferralMac): DeferredRequest {
  const read = JSON.parse(text) as DeferredRequest | Sealed
  if (!('mac' in read)) {
    const { access, task, lifetime, requestedTokenType } = read
    return { access, task, lifetime, requestedTokenType }
  }
  if (!mac.check(boundText(read.text, place), read.mac))
    throw new Fault('record_tampered', `the deferred request for grant ${place.grantId} was not written by this broker`)
  const { request, asker } = JSON.parse(read.text) as { request: DeferredRequest; asker: Workload }
  return { ...request, asker }
}

const boundText = (text: string, { hash, grantId, holder }: Place): string =>
  JSON.stringify(['errand deferral', hash, grantId, holder, text])
