import { createHash, randomBytes } from 'node:crypto'

/**
 * Ids carry their shard: a prefix and 34 hex digits, which are one byte `0x40 | shard` and 16 random bytes (contract §2).
 * Everything that one grant leads to has the shard of that grant, so every atomic step stays in one place of the store.
 */
export const SHARDS = 64

/** 0 to 63. */
export type Shard = number
export type GrantId = `gr_${string}`
export type TaskId = `tk_${string}`
export type CredentialId = `cr_${string}`
export type EventId = `ev_${string}`

const DIGITS = /^[4-7][0-9a-f]{33}$/

export interface Ids {
  grantId(shard: Shard): GrantId
  taskId(shard: Shard): TaskId
  credentialId(shard: Shard): CredentialId
  eventId(shard: Shard): EventId
  /** `dc_` and 32 bytes, base64url: random but for the six bits that say the shard. Only its hash is ever stored. */
  deferralCode(shard: Shard): string
  /** The `jti` of a ticket: 34 hex digits like the others, without a prefix of its own on the wire. */
  ticketId(shard: Shard): string
}

const RANDOM_BYTES = 16
const POOL_BYTES = RANDOM_BYTES * 256
let pool = Buffer.alloc(0)
let used = 0

/** Random bytes are asked for many at a time, since each call costs more than the bytes; each byte is used once. */
function digits(shard: Shard): string {
  if (used === pool.length) {
    pool = randomBytes(POOL_BYTES)
    used = 0
  }
  const from = used
  used += RANDOM_BYTES
  return (0x40 | shard).toString(16) + pool.toString('hex', from, used)
}

export const randomIds: Ids = {
  grantId: (shard) => `gr_${digits(shard)}`,
  taskId: (shard) => `tk_${digits(shard)}`,
  credentialId: (shard) => `cr_${digits(shard)}`,
  eventId: (shard) => `ev_${digits(shard)}`,
  deferralCode(shard) {
    const bytes = randomBytes(32)
    bytes[0] = ((bytes[0] ?? 0) & 0xc0) | shard
    return `dc_${bytes.toString('base64url')}`
  },
  ticketId: (shard) => `ti_${digits(shard)}`,
}

const parseId =
  <P extends string>(prefix: P) =>
  (raw: unknown): `${P}${string}` | undefined =>
    typeof raw === 'string' && raw.startsWith(prefix) && DIGITS.test(raw.slice(prefix.length))
      ? (raw as `${P}${string}`)
      : undefined

export const parseGrantId = parseId('gr_')
export const parseTaskId = parseId('tk_')
export const parseCredentialId = parseId('cr_')

/** The shard of any id of ours. */
export const shardOf = (id: string): Shard => Number.parseInt(id.slice(3, 5), 16) & 0x3f

/** The shard of a workload: hash(workload source, anchor). All its grants live there. */
export const shardOfWorkload = (source: string, anchor: string): Shard =>
  (createHash('sha256')
    .update(JSON.stringify([source, anchor]))
    .digest()[0] ?? 0) & 0x3f

/** Where the record of a deferral code is, for a poll that says nothing else of who sends it. */
export const shardOfDeferralCode = (code: string): Shard => shardOfHash(code.slice(3))

/** The shard of a claim that belongs to no workload: spread by the claim's own key, a `sha256Base64url`. */
export const shardOfHash = (hash: string): Shard => (Buffer.from(hash.slice(0, 4), 'base64url')[0] ?? 0) & 0x3f
