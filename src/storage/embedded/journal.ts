import { constants } from 'node:fs'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { crc32 } from 'node:zlib'

/** One change of one key. Keys are bytes in a string (latin1); `undefined` removes the key. */
export interface Change {
  readonly key: string
  readonly text: string | undefined
}

const HEADER = 12
const MAGIC = 0x45_52_4a_31
const MAGIC_BYTES = Buffer.from(Uint32Array.of(MAGIC).buffer)
const REMOVED = 0xff_ff_ff_ff

/**
 * One segment of the log: frames, each a group of steps that became durable together.
 * Frame: magic u32, length u32, CRC-32 u32, then per change: key length u16, key, text length u32 (all ones: removed), text.
 */
export class Journal {
  #size = 0
  /** Reused for each frame: a group is encoded while no other is being written. */
  #frame = Buffer.allocUnsafeSlow(256 * 1024)

  readonly #file: FileHandle

  private constructor(file: FileHandle) {
    this.#file = file
  }

  /** Makes a new segment. Each write returns when the data is on the disk (O_DSYNC). */
  static async create(path: string): Promise<Journal> {
    const { O_CREAT, O_EXCL, O_WRONLY, O_DSYNC } = constants
    return new Journal(await open(path, O_CREAT | O_EXCL | O_WRONLY | O_DSYNC, 0o600))
  }

  get size(): number {
    return this.#size
  }

  /** Durable when it resolves. When it rejects, what the file holds beyond `size` is not known. */
  async append(changes: readonly Change[]): Promise<void> {
    const length = this.#encode(changes)
    let written = 0
    while (written < length) {
      const { bytesWritten } = await this.#file.write(this.#frame, written, length - written, this.#size + written)
      written += bytesWritten
    }
    this.#size += length
  }

  /** Cuts off what a failed write may have left. */
  async truncate(): Promise<void> {
    await this.#file.truncate(this.#size)
    await this.#file.sync()
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  #encode(changes: readonly Change[]): number {
    let at = HEADER
    for (const { key, text } of changes) {
      // A UTF-16 unit takes at most three bytes of UTF-8.
      this.#reserve(at, 6 + key.length + 3 * (text?.length ?? 0))
      at = this.#frame.writeUInt16LE(key.length, at)
      at += this.#frame.write(key, at, 'latin1')
      const lengthAt = at
      at += 4
      if (text !== undefined) at += this.#frame.write(text, at, 'utf8')
      this.#frame.writeUInt32LE(text === undefined ? REMOVED : at - lengthAt - 4, lengthAt)
    }
    this.#frame.writeUInt32LE(MAGIC, 0)
    this.#frame.writeUInt32LE(at - HEADER, 4)
    this.#frame.writeUInt32LE(crc32(this.#frame.subarray(HEADER, at)), 8)
    return at
  }

  #reserve(at: number, more: number): void {
    if (at + more <= this.#frame.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(at + more, 2 * this.#frame.length))
    this.#frame.copy(larger, 0, 0, at)
    this.#frame = larger
  }
}

export class DamagedJournal extends Error {}

/**
 * The changes of a segment, oldest first. A last frame that is cut short was never acknowledged and is left out.
 * @throws DamagedJournal when something follows a frame that is not whole: acknowledged changes are lost.
 */
export async function* readJournal(path: string): AsyncGenerator<Change> {
  const bytes = await readFile(path)
  let at = 0
  let end = endOfFrame(bytes, at)
  while (end !== undefined) {
    yield* changesIn(bytes.subarray(at + HEADER, end))
    at = end
    end = endOfFrame(bytes, at)
  }
  if (holdsFrame(bytes, at + 1)) throw new DamagedJournal(`${path} is damaged at byte ${at}`)
}

/** Where the frame that begins here ends, if it is whole. */
function endOfFrame(bytes: Buffer, at: number): number | undefined {
  if (at + HEADER > bytes.length || bytes.readUInt32LE(at) !== MAGIC) return undefined
  const end = at + HEADER + bytes.readUInt32LE(at + 4)
  if (end > bytes.length) return undefined
  return crc32(bytes.subarray(at + HEADER, end)) === bytes.readUInt32LE(at + 8) ? end : undefined
}

function holdsFrame(bytes: Buffer, from: number): boolean {
  for (let at = bytes.indexOf(MAGIC_BYTES, from); at !== -1; at = bytes.indexOf(MAGIC_BYTES, at + 1)) {
    if (endOfFrame(bytes, at) !== undefined) return true
  }
  return false
}

function* changesIn(payload: Buffer): Generator<Change> {
  let at = 0
  while (at < payload.length) {
    const keyEnd = at + 2 + payload.readUInt16LE(at)
    const key = payload.toString('latin1', at + 2, keyEnd)
    const length = payload.readUInt32LE(keyEnd)
    at = keyEnd + 4 + (length === REMOVED ? 0 : length)
    yield { key, text: length === REMOVED ? undefined : payload.toString('utf8', keyEnd + 4, at) }
  }
}
