// @ts-check
// The evidence, read as an auditor reads it: by the API, on from where the last page ended.

/**
 * @typedef {object} Event
 * @property {string} id
 * @property {number} shard
 * @property {number} seq
 * @property {string} type
 * @property {string | null} grant_id
 * @property {string | null} task_id
 * @property {string | null} credential_id
 * @property {Record<string, any>} data
 */

/**
 * @typedef {object} Trail what the evidence says so far
 * @property {Map<string, Event>} issued by credential
 * @property {Set<string>} voided credentials
 * @property {Map<string, Event>} opened by task
 * @property {Set<string>} endedTasks
 * @property {Set<string>} activeGrants
 * @property {Set<string>} endedGrants
 * @property {Map<string, number>} uses how many credentials each assertion got
 * @property {string[]} faults of the trail itself: gaps, repetitions
 * @property {(world: import('./world.mjs').World) => Promise<void>} read what is new
 */

/** @returns {Trail} */
export function createTrail() {
  let cursor = ''
  /** @type {Map<number, number>} */
  const last = new Map()
  /** @type {Trail} */
  const trail = {
    issued: new Map(),
    voided: new Set(),
    opened: new Map(),
    endedTasks: new Set(),
    activeGrants: new Set(),
    endedGrants: new Set(),
    uses: new Map(),
    faults: [],
    read: async (world) => {
      for (;;) {
        const query = new URLSearchParams({ limit: '1000', ...(cursor === '' ? {} : { cursor }) })
        const token = world.person('eve', 'audit')
        const { status, body } = await world.call('GET', `/evidence/events?${query.toString()}`, token)
        if (status !== 200) throw new Error(`the evidence cannot be read: ${String(status)} ${JSON.stringify(body)}`)
        cursor = body['next_cursor']
        // A page is in the order of time; gaps show in the order of each shard.
        const events = /** @type {Event[]} */ (body['events']).sort((a, b) => a.shard - b.shard || a.seq - b.seq)
        for (const event of events) note(event)
        if (body['complete'] === true) return
      }
    },
  }

  const note = (/** @type {Event} */ event) => {
    const expected = (last.get(event.shard) ?? 0) + 1
    if (event.seq !== expected)
      trail.faults.push(`shard ${String(event.shard)}: seq ${String(event.seq)} in place of ${String(expected)}`)
    last.set(event.shard, event.seq)
    const [grant, task, credential] = [event.grant_id ?? '', event.task_id ?? '', event.credential_id ?? '']
    switch (event.type) {
      case 'credential.issued': {
        if (trail.issued.has(credential)) trail.faults.push(`issued twice: ${credential}`)
        trail.issued.set(credential, event)
        const assertion = String(event.data['assertion'])
        trail.uses.set(assertion, (trail.uses.get(assertion) ?? 0) + 1)
        return
      }
      case 'credential.voided':
        if (trail.voided.has(credential)) trail.faults.push(`voided twice: ${credential}`)
        trail.voided.add(credential)
        return
      case 'task.opened':
        trail.opened.set(task, event)
        return
      case 'task.completed':
      case 'task.abandoned':
        if (trail.endedTasks.has(task)) trail.faults.push(`ended twice: ${task}`)
        trail.endedTasks.add(task)
        return
      case 'grant.activated':
        trail.activeGrants.add(grant)
        return
      case 'grant.completed':
      case 'grant.expired':
      case 'grant.revoked':
        if (trail.endedGrants.has(grant)) trail.faults.push(`ended twice: ${grant}`)
        trail.endedGrants.add(grant)
    }
  }
  return trail
}
