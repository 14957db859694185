import { facts, shown } from './text.js'
import { isJson } from './wire.js'

/** A task as people read it: whatever the broker says of it, flat. */
export function showTask(id: string, task: unknown): string {
  const members = isJson(task) ? Object.entries(task).filter(([name]) => name !== 'id') : []
  return facts([['task', id], ...members.map(([name, value]) => [name.replaceAll('_', ' '), plain(value)] as const)])
}

const plain = (value: unknown): string => shown(typeof value === 'string' ? value : JSON.stringify(value))
