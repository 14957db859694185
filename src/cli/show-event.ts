import { shown } from './text.js'
import type { EventDocument } from './wire.js'

export const EVENT_COLUMNS = ['TIME', 'EVENT', 'ABOUT', 'WHO', 'FACTS'] as const

/** An event as one line: when, what, of which credential, task or grant, by whom, and the facts that people look for. */
export function eventRow(event: EventDocument): readonly string[] {
  const about = text(event, 'credential_id') ?? text(event, 'task_id') ?? text(event, 'grant_id') ?? ''
  const who = text(event, 'person') ?? text(event, 'workload') ?? ''
  return [event.at.slice(11, 19), shown(event.type), about, who, factsOf(event, who)]
}

/** What of `data` is said in a line. */
const SHOWN = ['decision', 'group', 'reason', 'by', 'type', 'scope', 'error', 'cause']

function factsOf(event: EventDocument, who: string): string {
  const { data } = event
  if (typeof data !== 'object' || data === null) return ''
  return Object.entries(data)
    .filter(([name, value]) => SHOWN.includes(name) && typeof value === 'string' && value !== '' && value !== who)
    .map(([name, value]) => shown(`${name}=${String(value)}`))
    .join(' ')
}

function text(event: EventDocument, name: string): string | undefined {
  const value = event[name]
  return typeof value === 'string' ? shown(value) : undefined
}
