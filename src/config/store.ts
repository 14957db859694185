import { join } from 'node:path'
import type { ConfigDocument } from './document.js'
import type { Draft } from './draft.js'
import { readSecret, type Desk } from './files.js'
import type { KeySettings, StoreSettings } from './settings.js'
import { parseStoreUrl, type StoreAddress } from './store-url.js'

type StoreEntry = ConfigDocument['store']

const KEY_REMEDY = 'make one with: openssl rand -base64 32'

export function settleStore(draft: Draft, desk: Desk): StoreSettings | undefined {
  const entry = draft.store
  if (entry === undefined) return undefined
  const parsed = parseStoreUrl(entry.url)
  if (!parsed.ok) return undefined
  if (parsed.value.kind === 'redis') return settleRedis(entry, parsed.value, desk)
  for (const [key, value] of Object.entries(entry)) {
    if (key === 'url' || value === undefined) continue
    desk.report(
      ['store', key],
      'is for Redis',
      'take it out: the embedded store is always durable and asks for no password',
    )
  }
  return { kind: 'embedded', directory: desk.resolve(parsed.value.directory) }
}

type RedisUrl = Extract<StoreAddress, { kind: 'redis' }>

function settleRedis(entry: StoreEntry, url: RedisUrl, desk: Desk): StoreSettings {
  const password = readSecret(desk, ['store'], 'password', { file: entry.password_file, env: entry.password_env })
  if (url.hasUser && entry.password_file === undefined && entry.password_env === undefined) {
    desk.report(['store', 'url'], 'names a user without a password', 'add password_file or password_env')
  }
  return {
    kind: 'redis',
    url: entry.url,
    connectionUrl: () => (password === undefined ? entry.url : url.withPassword(password())),
    durability: entry.durability ?? 'strict',
    replicas: entry.replicas ?? 0,
  }
}

export function settleKeys(draft: Draft, desk: Desk): KeySettings | undefined {
  const entry = draft.keys
  if (entry === undefined) return undefined
  const file = entry.encryption_key_file
  // Who can write the store must not be able to make records: so the key is never kept beside them.
  if (file === undefined && draft.store !== undefined && !draft.store.url.startsWith('embedded:')) {
    desk.report(['keys', 'encryption_key_file'], 'is missing, and Redis is used', KEY_REMEDY)
  }
  if (file !== undefined) checkEncryptionKey(file, desk)
  return {
    signingAlg: entry.signing_alg,
    rotateEvery: entry.rotate_every,
    ...(file === undefined ? {} : { encryptionKeyFile: desk.resolve(file) }),
  }
}

function checkEncryptionKey(file: string, desk: Desk): void {
  const at = ['keys', 'encryption_key_file']
  const text = desk.read(at, file)?.toString('utf8').trim()
  if (text === undefined) return
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length === 32 && bytes.toString('base64') === text) return
  desk.report(at, 'does not hold 32 bytes in base64', KEY_REMEDY)
}

/** Where Errand keeps files of its own making. */
export function settleDataDirectory(draft: Draft, store: StoreSettings | undefined, desk: Desk): string {
  if (draft.data_directory !== undefined) return desk.resolve(draft.data_directory)
  return store?.kind === 'embedded' ? store.directory : desk.resolve(join('.', 'data'))
}
