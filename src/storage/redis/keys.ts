import { sha256Base64url } from '../../runtime/digest.js'
import {
  SHARDS,
  parseCredentialId,
  parseGrantId,
  parseTaskId,
  shardOf,
  type CredentialId,
  type GrantId,
  type Shard,
  type TaskId,
} from '../../runtime/ids.js'
import { longDigits, shortId } from './short-id.js'

/**
 * Every key name. All keys of a shard share one hash tag, two hex digits, so that each step is in one slot of a cluster.
 * Names are short because each grant pays for them several times. `docs/storage-schema.md` describes what is kept under
 * each: change both together.
 */
export const ALL_SHARDS: readonly Shard[] = Array.from({ length: SHARDS }, (_, shard) => shard)

const TAGS: readonly string[] = ALL_SHARDS.map((shard) => `{${shard.toString(16).padStart(2, '0')}}`)

const tag = (shard: Shard): string => {
  const text = TAGS[shard]
  if (text === undefined) throw new TypeError('not a shard')
  return text
}

const DIGEST = /^[\w-]{43}$/

/** The first 132 bits of a SHA-256 name it well enough. */
function shortDigest(key: string): string {
  if (!DIGEST.test(key)) throw new TypeError('keys of records are sha256Base64url')
  return key.slice(0, 22)
}

// Records, by id.
export const grantKey = (id: GrantId): string => `${tag(shardOf(id))}g${shortId(id)}`
export const taskKey = (id: TaskId): string => `${tag(shardOf(id))}t${shortId(id)}`
export const credentialKey = (id: CredentialId): string => `${tag(shardOf(id))}c${shortId(id)}`
export const deferralKey = (shard: Shard, hash: string): string => `${tag(shard)}d${shortDigest(hash)}`

// What belongs to one grant or task.
export const openCodesKey = (id: GrantId): string => `${tag(shardOf(id))}o${shortId(id)}`
export const childrenKey = (id: TaskId): string => `${tag(shardOf(id))}k${shortId(id)}`
export const certificatesKey = (id: TaskId): string => `${tag(shardOf(id))}i${shortId(id)}`
export const certifiedTasksKey = (id: GrantId): string => `${tag(shardOf(id))}h${shortId(id)}`

// Where things are found, and what is counted, by digest.
export const runKey = (shard: Shard, run: string): string => `${tag(shard)}r${shortDigest(run)}`
export const errandKey = (shard: Shard, errand: string): string => `${tag(shard)}e${shortDigest(errand)}`
export const standingKey = (shard: Shard, anchor: string): string => `${tag(shard)}a${shortDigest(anchor)}`
export const pendingCountKey = (shard: Shard, anchor: string): string => `${tag(shard)}b${shortDigest(anchor)}`
export const joinKey = (shard: Shard, key: string): string => `${tag(shard)}j${shortDigest(key)}`
export const coolDownKey = (shard: Shard, key: string): string => `${tag(shard)}y${shortDigest(key)}`
export const claimKey = (shard: Shard, key: string): string => `${tag(shard)}x${shortDigest(key)}`

// One of each in every shard.
export const listKey = (shard: Shard): string => `${tag(shard)}l`
export const pendingKey = (shard: Shard): string => `${tag(shard)}p`
export const deadlinesKey = (shard: Shard): string => `${tag(shard)}z`
export const evidenceKey = (shard: Shard): string => `${tag(shard)}v`
export const endsKey = (shard: Shard): string => `${tag(shard)}f`
export const countersKey = (shard: Shard): string => `${tag(shard)}m`
export const probeKey = (shard: Shard): string => `${tag(shard)}q`

/** Approver groups and people belong to no shard: their places are kept in that of a digest of their name. */
export function placesKey(whose: string): string {
  const digest = sha256Base64url(whose)
  return `${tag(shardOfDigest(digest))}w${shortDigest(digest)}`
}

/** The key ring, the authorities and their evidence are in shard 0. */
export const KEY_RING_SHARD: Shard = 0
export const keyRingKey = `${tag(KEY_RING_SHARD)}K`
export const authoritiesKey = `${tag(KEY_RING_SHARD)}A`

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** The shard of something that has a digest and no home: its first six bits. */
const shardOfDigest = (digest: string): Shard => Math.max(0, BASE64URL.indexOf(digest.charAt(0)))

/** The shard of any key of ours: the two digits in its hash tag. */
export const shardOfKey = (key: string): Shard => Number.parseInt(key.slice(1, 3), 16)

/** How an anchor stands in the row of a grant. */
export const anchorMark = shortDigest

const known = <T>(id: T | undefined): T => {
  if (id === undefined) throw new TypeError('not a short id')
  return id
}

const digitsIn = (shard: Shard, short: string): string => (0x40 | shard).toString(16) + longDigits(short)
export const grantIdIn = (shard: Shard, short: string): GrantId => known(parseGrantId(`gr_${digitsIn(shard, short)}`))
export const taskIdIn = (shard: Shard, short: string): TaskId => known(parseTaskId(`tk_${digitsIn(shard, short)}`))
export const credentialIdIn = (shard: Shard, short: string): CredentialId =>
  known(parseCredentialId(`cr_${digitsIn(shard, short)}`))
