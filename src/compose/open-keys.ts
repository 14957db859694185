import { createPrivateKey } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Settings } from '../config/settings.js'
import { openAuthorityRing, type AuthorityRing } from '../issuance/authority-ring.js'
import { openKeyRing, type KeyRing } from '../issuance/key-ring.js'
import { openMasterKey, readMasterKey, type MasterKey } from '../issuance/master-key.js'
import type { SigningAlg } from '../policy/catalogue.js'
import { randomIds } from '../runtime/ids.js'
import type { Base } from './base.js'

/** Beside the data by default; never in the store itself (invariant 8). */
export function openKeyFile({ keys, dataDirectory }: Settings): MasterKey {
  if (keys.encryptionKeyFile !== undefined) return readMasterKey(keys.encryptionKeyFile, { ownerOnly: false })
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 })
  return openMasterKey(join(dataDirectory, 'encryption.key'))
}

/** What signs tokens. */
export const openKeys = ({ settings, stores, masterKey, clock, log }: Base): Promise<KeyRing> =>
  openKeyRing({
    store: stores.keys,
    masterKey,
    clock,
    algs: algsOf(settings),
    rotateEvery: settings.keys.rotateEvery,
    ids: randomIds,
    log,
  })

/** Those that resources are signed for; tickets are always ES256. */
export const algsOf = ({ catalogue, keys }: Settings): readonly SigningAlg[] => [
  ...new Set<SigningAlg>([
    'ES256',
    keys.signingAlg,
    ...[...catalogue.resources.values()].map((resource) => resource.signingAlg),
  ]),
]

/** What signs certificates. */
export function openAuthorities({ settings, stores, masterKey, clock, log }: Base): Promise<AuthorityRing> {
  const { url, rotateEvery, given, rootCrlFile } = settings.pki
  return openAuthorityRing({
    store: stores.authorities,
    masterKey,
    clock,
    place: { trustDomain: settings.trustDomain, pkiUrl: url },
    rotateEvery,
    ...(given !== undefined && {
      given: { chain: readFileSync(given.certFile, 'utf8'), privateKey: createPrivateKey(readFileSync(given.keyFile)) },
    }),
    ...(rootCrlFile !== undefined && { rootCrl: readFileSync(rootCrlFile) }),
    ids: randomIds,
    log,
  })
}
