import { mkdtempSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What the demo makes on this machine, and takes away again. */
export interface Temporary {
  /** Of this demo alone. */
  readonly directory: string
  /** Undone in reverse order. @throws Error when all has been removed already: nothing more is to be made */
  later(undo: () => Promise<void>): void
  remove(): Promise<void>
}

export function makeTemporary(): Temporary {
  const directory = mkdtempSync(join(tmpdir(), 'errand-demo-'))
  const undos: (() => Promise<void>)[] = []
  let removed = false
  return {
    directory,
    later: (undo) => {
      if (removed) {
        void undo()
        throw new Error('the demo is over')
      }
      undos.push(undo)
    },
    remove: async () => {
      removed = true
      for (const undo of undos.splice(0).reverse()) await undo()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Listens on a free port of loopback. @returns the origin */
export async function listenOnLoopback(server: Server): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export async function stopListening(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}

/** A port that is free now: the broker's address stands in its configuration before it listens. */
export async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', resolve)
  })
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}
