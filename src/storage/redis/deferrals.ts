import type { DeferralStore, Polled } from '../../grants/deferral-store.js'
import type { Clock } from '../../runtime/clock.js'
import { shardOf } from '../../runtime/ids.js'
import { claimArguments, claimKeys, eventArguments } from './arguments.js'
import type { Commands } from './commands.js'
import { countersKey, deferralKey, evidenceKey, grantIdIn, grantKey, openCodesKey } from './keys.js'
import { bytesOf, listOf, numberOf, textOf, wordOf } from './replies.js'
import { deferralRow, parseDeferralRow, parseGrantRow } from './rows.js'
import { loadScript } from './script.js'
import { deferralTtl } from './ttl.js'

const JOIN = loadScript('join-deferral')
const POLL = loadScript('poll-deferral')
const CANCEL = loadScript('cancel-deferral')

export const redisDeferralStore = (commands: Commands, clock: Clock): DeferralStore => ({
  async join(deferral, claims, events, mostCodes) {
    const shard = shardOf(deferral.grantId)
    const now = clock.now()
    const reply = await commands.change(
      JOIN,
      [
        deferralKey(shard, deferral.hash),
        grantKey(deferral.grantId),
        openCodesKey(deferral.grantId),
        evidenceKey(shard),
        countersKey(shard),
        ...claimKeys(shard, claims),
      ],
      [
        deferralRow(deferral),
        deferralTtl(deferral.expiresAt, now),
        mostCodes,
        claims.length,
        ...eventArguments(shard, events),
        ...claimArguments(claims, now),
      ],
    )
    return wordOf(reply, ['joined', 'closed', 'claim_taken', 'full'])
  },

  async poll(shard, hash, holder, nowMs): Promise<Polled> {
    const reply = await commands.change(POLL, [deferralKey(shard, hash)], [holder, nowMs])
    if (!Array.isArray(reply)) return { kind: wordOf(reply, ['unknown', 'too_fast', 'redeemed', 'cancelled']) }
    const [row, grantRow] = listOf(reply)
    const deferral = parseDeferralRow(shard, hash, bytesOf(row))
    return { kind: 'open', deferral, grant: parseGrantRow(deferral.grantId, bytesOf(grantRow)) }
  },

  async grantOf(shard, hash, holder) {
    const row = await commands.single('get', [deferralKey(shard, hash)])
    if (row === null) return undefined
    const deferral = parseDeferralRow(shard, hash, bytesOf(row))
    return deferral.holder === holder ? deferral.grantId : undefined
  },

  async cancel(shard, hash, holder, events) {
    const reply = await commands.change(
      CANCEL,
      [deferralKey(shard, hash), evidenceKey(shard), countersKey(shard)],
      [holder, ...eventArguments(shard, events)],
    )
    if (!Array.isArray(reply)) return { kind: wordOf(reply, ['unknown']) }
    const [short, row, others] = listOf(reply)
    const grant = parseGrantRow(grantIdIn(shard, textOf(short)), bytesOf(row))
    return { kind: 'cancelled', grant, others: numberOf(others) }
  },
})
