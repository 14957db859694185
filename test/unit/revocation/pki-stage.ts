import type { CertificateEnd, CertificateStore, IndexedCertificate } from '../../../src/grants/certificate-store.js'
import { openAuthorityRing, type AuthorityRing } from '../../../src/issuance/authority-ring.js'
import { masterKeyOf } from '../../../src/issuance/master-key.js'
import { createCertificateEnds } from '../../../src/revocation/certificate-ends.js'
import { createCrls, type Crls } from '../../../src/revocation/crl.js'
import type { ServedCrl } from '../../../src/revocation/list-in-force.js'
import { Fault } from '../../../src/runtime/fault.js'
import { randomIds, shardOf, type CredentialId, type Shard } from '../../../src/runtime/ids.js'
import { silentLog } from '../../../src/runtime/log.js'
import { turnableClock, type TurnableClock } from '../../support/clock.js'
import { MemoryKeyStore } from '../issuance/memory-key-store.js'

/** The feed of ends in memory. It can be taken down, and counts how often it is asked. */
export class MemoryCertificateStore implements CertificateStore {
  readonly ends: CertificateEnd[] = []
  readonly certificates = new Map<CertificateEnd, readonly IndexedCertificate[]>()
  readonly forgotten: [Shard, number][] = []
  down = false
  looks = 0
  /** Something to do when it is looked at, before the answer. */
  onLook: (() => void) | undefined

  /** A credential that ended with these certificates. */
  end(certificates: readonly IndexedCertificate[], at: number): void {
    const credential = certificates[0]?.id ?? randomIds.credentialId(0)
    const shard = shardOf(credential)
    const position = this.ends.filter((end) => end.shard === shard).length + 1
    const end = { shard, position, at, what: { credential } }
    this.ends.push(end)
    this.certificates.set(end, certificates)
  }

  endsAfter(positions: readonly number[], limit: number): Promise<readonly CertificateEnd[]> {
    this.looks += 1
    this.onLook?.()
    if (this.down) return Promise.reject(new Fault('store_unavailable', 'down'))
    const counts = new Map<Shard, number>()
    const found = this.ends.filter(({ shard, position }) => {
      const count = counts.get(shard) ?? 0
      if (position <= (positions[shard] ?? 0) || count >= limit) return false
      counts.set(shard, count + 1)
      return true
    })
    return Promise.resolve(found)
  }

  certificatesOf(end: CertificateEnd): Promise<readonly IndexedCertificate[]> {
    if (this.down) return Promise.reject(new Fault('store_unavailable', 'down'))
    return Promise.resolve(this.certificates.get(end) ?? [])
  }

  forgetEnds(shard: Shard, through: number): Promise<void> {
    this.forgotten.push([shard, through])
    return Promise.resolve()
  }
}

export interface PkiStage {
  readonly clock: TurnableClock
  readonly store: MemoryCertificateStore
  readonly authorities: AuthorityRing
  readonly crls: Crls
  readonly ends: ReturnType<typeof createCertificateEnds>
  /** Of the authority that signs now. */
  certificate(changes?: Partial<IndexedCertificate>): IndexedCertificate
  /** Ends these as this instance does: acknowledged. */
  end(...certificates: readonly IndexedCertificate[]): void
  /** The CRL of the authority that signs now. */
  crl(): Promise<ServedCrl>
  /** Another instance on the same store. */
  another(): Crls
}

export async function pkiStage(): Promise<PkiStage> {
  const clock = turnableClock()
  const store = new MemoryCertificateStore()
  const authorities = await openAuthorityRing({
    store: new MemoryKeyStore(),
    masterKey: masterKeyOf(Buffer.alloc(32, 9)),
    clock,
    place: { trustDomain: 'errand.test', pkiUrl: undefined },
    rotateEvery: 30 * 86_400,
    ids: randomIds,
    log: silentLog,
  })
  let acknowledged = 0
  const ends = createCertificateEnds({ store, clock })
  const crls = createCrls({ authorities, ends, acknowledged: () => acknowledged, clock })
  let made = 0
  return {
    clock,
    store,
    authorities,
    crls,
    ends,
    certificate: (changes = {}) => ({
      id: randomIds.credentialId((made += 1) % 64),
      authority: authorities.current().id,
      expiresAt: clock.now() + 600,
      ancestors: [],
      ...changes,
    }),
    end(...certificates) {
      store.end(certificates, clock.now())
      acknowledged += 1
    },
    async crl() {
      const crl = await crls.of(authorities.current().id)
      if (typeof crl === 'string') throw new Error(crl)
      return crl
    },
    another: () =>
      createCrls({ authorities, ends: createCertificateEnds({ store, clock }), acknowledged: () => 0, clock }),
  }
}

export const serialOf = ({ id }: { readonly id: CredentialId }): string => id.slice('cr_'.length)
