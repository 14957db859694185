import { describeEvents } from '../evidence/describe-event.js'
import type { GrantDeps } from '../grants/grant-deps.js'
import { createGrantSafe, type GrantSafe } from '../grants/grant-safe.js'
import { textMac } from '../issuance/mac.js'
import { macKey } from '../issuance/master-key.js'
import { randomIds } from '../runtime/ids.js'
import type { Base } from './base.js'

/** What the use cases on grants and tasks need; the exchange, the endpoints and the sweeper share it. */
export function wireGrants(base: Base): GrantDeps {
  const { settings, clock, stores } = base
  const { issuer, catalogue, limits, listen, workloads } = settings
  return {
    issuer,
    catalogue,
    sources: new Map(workloads.map((source) => [source.issuer, source])),
    limits,
    clock,
    ids: randomIds,
    stores,
    safe: grantSafeOf(base),
    takesCertificates: listen.some(({ serve }) => serve.includes('mtls')),
    describe: describeEvents({ ids: randomIds, policyDigest: catalogue.digest }),
  }
}

function grantSafeOf({ settings, masterKey, log }: Base): GrantSafe {
  return createGrantSafe({ issuer: settings.issuer, mac: textMac(macKey(masterKey)) }, (id) => {
    log.error('record_tampered', { grant_id: id })
  })
}
