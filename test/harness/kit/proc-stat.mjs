// @ts-check
// What Linux says of a process. CPU time counts all of its threads.
import { readFileSync } from 'node:fs'

// `man 5 proc`: utime and stime are in clock ticks, and USER_HZ is 100 wherever Node runs.
const TICK_MICROSECONDS = 10_000
const PAGE_BYTES = 4096

/**
 * @param {number} pid
 * @returns {{ cpu: number, rss: number }} CPU time so far, microseconds; resident memory, bytes
 */
export function statOf(pid) {
  const field = fieldsOf(`/proc/${String(pid)}/stat`)
  return { cpu: (field(14) + field(15)) * TICK_MICROSECONDS, rss: field(24) * PAGE_BYTES }
}

/**
 * @param {number} pid
 * @returns {number} resident memory of its own, bytes: without the pages of files that it maps, which are a cache
 */
export function ownMemory(pid) {
  const text = readFileSync(`/proc/${String(pid)}/status`, 'utf8')
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(text)?.[1]) * 1024
}

/**
 * @param {number} pid
 * @returns {number} CPU time of the main thread so far, microseconds
 */
export function mainThreadCpu(pid) {
  const field = fieldsOf(`/proc/${String(pid)}/task/${String(pid)}/stat`)
  return (field(14) + field(15)) * TICK_MICROSECONDS
}

/** @param {string} file */
function fieldsOf(file) {
  const text = readFileSync(file, 'utf8')
  // The name in parentheses may hold spaces; what follows it begins with field 3.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (/** @type {number} */ number) => Number(fields[number - 3])
}
