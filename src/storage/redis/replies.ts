import type { Reply } from './commands.js'
import { storeUnavailable } from './faults.js'

/** Scripts answer by words and lists; anything else means that the server runs something that is not ours. */
const unexpected = (): Error => storeUnavailable('redis gave an unexpected answer')

export function textOf(reply: Reply | undefined): string {
  if (Buffer.isBuffer(reply)) return reply.toString('utf8')
  if (typeof reply === 'number') return String(reply)
  throw unexpected()
}

export function bytesOf(reply: Reply | undefined): Buffer {
  if (Buffer.isBuffer(reply)) return reply
  throw unexpected()
}

export function listOf(reply: Reply | undefined): readonly Reply[] {
  if (Array.isArray(reply)) return reply as readonly Reply[]
  throw unexpected()
}

export function numberOf(reply: Reply | undefined): number {
  const number = Number(textOf(reply))
  if (!Number.isSafeInteger(number)) throw unexpected()
  return number
}

/** The one of `words` that was answered. */
export function wordOf<const T extends string>(reply: Reply, words: readonly T[]): T {
  const text = textOf(reply)
  const word = words.find((candidate) => candidate === text)
  if (word === undefined) throw unexpected()
  return word
}

export function pairsOf(replies: readonly Reply[]): (readonly [Reply, Reply])[] {
  const pairs: (readonly [Reply, Reply])[] = []
  for (let at = 0; at + 1 < replies.length; at += 2) {
    const [first, second] = [replies[at], replies[at + 1]]
    if (first === undefined || second === undefined) throw unexpected()
    pairs.push([first, second])
  }
  return pairs
}
