// @ts-check
// The ports at which steps are seen. What a mark says has happened: it is written after the store has answered.
import { laidOver } from './lay-over.mjs'
import { mark } from './marks.mjs'

/** @typedef {import('../../../dist/grants/stores.js').Stores} Stores */

/**
 * @param {Stores} stores
 * @returns {Stores}
 */
export const marked = (stores) =>
  laidOver(stores, {
    issuance: markedIssuance(stores.issuance),
    grants: markedGrants(stores.grants),
    tasks: markedTasks(stores.tasks),
    deadlines: markedDeadlines(stores.deadlines),
  })

const markedIssuance = (/** @type {Stores['issuance']} */ issuance) =>
  laidOver(issuance, {
    record: async (asked) => {
      const answer = issuance.record(asked)
      mark('recording', asked.credential.id)
      const recorded = await answer
      if (recorded === 'recorded') mark('recorded', asked.credential.id)
      return recorded
    },
    confirm: async (ids) => {
      await issuance.confirm(ids)
      for (const id of ids) mark('confirmed', id)
    },
    endCredential: async (id, how, at, events) => {
      const ended = await issuance.endCredential(id, how, at, events)
      if (how === 'voided' && ended === 'ended') mark('voided', id)
      return ended
    },
  })

const markedGrants = (/** @type {Stores['grants']} */ grants) =>
  laidOver(grants, {
    expire: async (shard, expiries, now, keptUntil) => {
      const expired = await grants.expire(shard, expiries, now, keptUntil)
      for (const id of expired) mark('expired', id)
      return expired
    },
  })

const markedTasks = (/** @type {Stores['tasks']} */ tasks) =>
  laidOver(tasks, {
    end: async (end) => {
      const ended = await tasks.end(end)
      if (end.state === 'abandoned' && ended === 'ended') mark('lapsed', end.id)
      return ended
    },
  })

const markedDeadlines = (/** @type {Stores['deadlines']} */ deadlines) =>
  laidOver(deadlines, {
    takeDue: async (shard, now, leaseSeconds, limit) => {
      const due = await deadlines.takeDue(shard, now, leaseSeconds, limit)
      if (due.length > 0) mark('taken', String(due.length))
      return due
    },
  })
