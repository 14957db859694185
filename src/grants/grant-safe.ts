import { Fault } from '../runtime/fault.js'
import type { OpenedGrant } from './choose.js'
import type { Grant } from './grant.js'
import type { GrantIndex, GrantRecord } from './grant-store.js'
import { deadlineOf } from './lifecycle.js'
import { openGrant, sealGrant, type GrantSeal } from './sealed-grant.js'

/** Turns grants into the records that stores keep, and back: nothing comes out whose MAC does not verify (invariant 8). */
export interface GrantSafe {
  /** @throws Fault `record_tampered` */
  open(record: GrantRecord): OpenedGrant
  /** The ones that verify; what does not is reported and left out: a made-up row gives nothing, and takes nothing from the true ones. */
  openGenuine(records: readonly GrantRecord[]): readonly OpenedGrant[]
  close(grant: Grant, version: number, index: GrantIndex): GrantRecord
}

/**
 * Opened grants are remembered by the very text that was verified: a changed row is verified again. In characters of all texts
 * together, some ten thousand usual grants: their details may be long, and whoever asks for them chooses how long.
 */
const REMEMBERED_CHARS = 16 * 1024 * 1024

export function createGrantSafe(seal: GrantSeal, onTampered: (id: string) => void): GrantSafe {
  const remembered = new Map<string, Grant>()
  let chars = 0
  const remember = (document: string, grant: Grant): void => {
    remembered.set(document, grant)
    chars += document.length
    for (const oldest of remembered.keys()) {
      if (chars <= REMEMBERED_CHARS) return
      remembered.delete(oldest)
      chars -= oldest.length
    }
  }
  const open = (record: GrantRecord): OpenedGrant => {
    const known = remembered.get(record.document)
    if (known?.terms.id === record.id) return { record, grant: known }
    const grant = openGrant(record.id, record.document, seal)
    remember(record.document, grant)
    return { record, grant }
  }
  return {
    open,
    openGenuine(records) {
      const opened: OpenedGrant[] = []
      for (const record of records) {
        try {
          opened.push(open(record))
        } catch (error) {
          if (!(error instanceof Fault) || error.code !== 'record_tampered') throw error
          onTampered(record.id)
        }
      }
      return opened
    },
    close(grant, version, index) {
      const document = sealGrant(grant, seal)
      return {
        id: grant.terms.id,
        version,
        status: grant.status,
        deadline: deadlineOf(grant),
        maxTasks: grant.terms.task.max_tasks,
        tasks: 0,
        document,
        index,
      }
    },
  }
}
