// @ts-check
// A broker within this process, on a configuration file: its stores and its sweeper are the real ones.
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { composeBroker } from '../../../dist/compose.js'
import { loadConfig } from '../../../dist/config/load-config.js'
import { createGrantSafe } from '../../../dist/grants/grant-safe.js'
import { textMac } from '../../../dist/issuance/mac.js'
import { macKey, readMasterKey } from '../../../dist/issuance/master-key.js'
import { createLogger } from '../../../dist/runtime/logger.js'

/**
 * @typedef {object} Composed
 * @property {import('../../../dist/compose.js').Broker} broker composed, not started
 * @property {import('../../../dist/grants/grant-safe.js').GrantSafe} safe seals as the broker does
 */

/**
 * @param {string} configuration file
 * @param {import('../../../dist/runtime/clock.js').Clock} clock
 * @returns {Promise<Composed>}
 */
export async function composeOn(configuration, clock) {
  const loaded = loadConfig(readFileSync(configuration, 'utf8'), {
    directory: dirname(configuration),
    readFile: (path) => readFileSync(path),
    env: {},
  })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.refusal))
  const settings = loaded.value
  const broker = await composeBroker(settings, { log: createLogger({ level: 'error' }), version: 'bench', clock })
  const key = macKey(readMasterKey(settings.keys.encryptionKeyFile ?? '', { ownerOnly: false }))
  const safe = createGrantSafe({ issuer: settings.issuer, mac: textMac(key) }, () => undefined)
  return { broker, safe }
}
