import type { KeyStore } from '../../issuance/key-store.js'
import { eventArguments } from './arguments.js'
import type { Commands } from './commands.js'
import { KEY_RING_SHARD, countersKey, evidenceKey } from './keys.js'
import { listOf, numberOf, textOf, wordOf } from './replies.js'
import { loadScript } from './script.js'

const SAVE = loadScript('save-key-ring')

/** `key`: one of those of `KEY_RING_SHARD`. */
export const redisKeyStore = (commands: Commands, key: string): KeyStore => ({
  async load() {
    const [version, sealed] = listOf(await commands.single('hmget', [key, 'v', 'k']))
    if (version === null || sealed === null) return undefined
    return { version: numberOf(version), sealed: textOf(sealed) }
  },

  async save(from, sealed, events) {
    const reply = await commands.change(
      SAVE,
      [key, evidenceKey(KEY_RING_SHARD), countersKey(KEY_RING_SHARD)],
      [from, sealed, ...eventArguments(KEY_RING_SHARD, events)],
    )
    return wordOf(reply, ['saved', 'conflict'])
  },
})
