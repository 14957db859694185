import { Command } from 'ioredis'
import type { Fault } from '../../runtime/fault.js'
import type { RedisClient } from './connect.js'
import { faultOf, storeUnavailable } from './faults.js'
import { ALL_SHARDS, probeKey, shardOfKey } from './keys.js'
import type { Script } from './script.js'

export type Argument = string | number | Buffer
/** What a script answers: words and rows as bytes, numbers, and lists of them. */
export type Reply = Buffer | number | null | readonly Reply[]

/**
 * The commands that the ports are made of. Each is one round trip, and each failure is `Fault('store_unavailable')`:
 * a write that failed so may have been carried out.
 */
export interface Commands {
  /** Runs a script that changes nothing. */
  look(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply>
  /** Runs a script that may change something, and waits for as many replicas as were asked for. */
  change(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply>
  /** A single command that is a step of its own. `arguments[0]` is its key. */
  single(command: string, args: readonly Argument[]): Promise<Reply>
}

export interface WriteRules {
  /** Why nothing may be written now. */
  readonly doubt: () => Fault | undefined
  /** How many replicas must have a write before it is acknowledged. */
  readonly replicas: number
  readonly timeoutMs: number
}

export function commandsOn(client: RedisClient, rules: WriteRules): Commands {
  const run = (name: string, args: readonly Argument[]): Promise<Reply> => {
    const command = new Command(name, [...args], { replyEncoding: null })
    return client.sendCommand(command) as Promise<Reply>
  }

  /** By digest; with the text when the server does not know it yet: it was then not run, so this is no repetition. */
  const runScript = async (
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    runOne: typeof run,
  ): Promise<Reply> => {
    try {
      return await runOne('evalsha', [script.digest, keys.length, ...keys, ...args])
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw faultOf(error)
    }
    try {
      return await runOne('eval', [script.text, keys.length, ...keys, ...args])
    } catch (error) {
      throw faultOf(error)
    }
  }

  const replicated = async (name: string, args: readonly Argument[]): Promise<Reply> => {
    const pipeline = client.pipeline()
    pipeline.callBuffer(name, [...args])
    // WAIT counts from the last write of this connection: so that it covers what a repetition rests on, there is one.
    pipeline.set(probeKey(shardOfKey(String(args[2]))), '1')
    pipeline.wait(rules.replicas, rules.timeoutMs)
    const [answer, , waited] = (await pipeline.exec()) ?? []
    if (answer?.[0]) throw answer[0]
    if (waited?.[0]) throw waited[0]
    const reached = Number(waited?.[1] ?? 0)
    if (reached < rules.replicas) throw storeUnavailable(`the write reached ${reached} replicas only`)
    return answer?.[1] as Reply
  }

  return {
    look: (script, keys, args) => runScript(script, keys, args, run),
    change(script, keys, args) {
      const doubt = rules.doubt()
      if (doubt !== undefined) return Promise.reject(doubt)
      return runScript(script, keys, args, rules.replicas > 0 ? replicated : run)
    },
    single: (command, args) =>
      run(command, args).catch((error: unknown) => {
        throw faultOf(error)
      }),
  }
}

/** Shards are few: what concerns the whole store is asked of each. */
export const ofEachShard = <T>(ask: (shard: number) => Promise<T>): Promise<T[]> => Promise.all(ALL_SHARDS.map(ask))
