import { constants } from 'node:fs'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import type { Change } from './table.js'

const HEADER = 12
const MAGIC = 0x45_52_4a_31
const MAGIC_BYTES = Buffer.from(Uint32Array.of(MAGIC).buffer)
const [PUT, REMOVE] = ['+', '-']

/**
 * One segment of the log: frames, each a group of steps that became durable together.
 * Frame: magic u32, length u32, CRC-32 u32, then one UTF-8 text (a single write is much faster than one for each part):
 * per change `+` or `-`, key length in two characters, table and key, and after `+` text length in five characters, text.
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
    let payload = ''
    for (const { letter, key, text } of changes) {
      payload += (text === undefined ? REMOVE : PUT) + digits(1 + key.length, 2) + letter + key
      if (text !== undefined) payload += digits(text.length, 5) + text
    }
    // A UTF-16 unit takes at most three bytes of UTF-8.
    const most = HEADER + 3 * payload.length
    if (most > this.#frame.length) this.#frame = Buffer.allocUnsafeSlow(2 * most)
    const end = HEADER + this.#frame.write(payload, HEADER, 'utf8')
    this.#frame.writeUInt32LE(MAGIC, 0)
    this.#frame.writeUInt32LE(end - HEADER, 4)
    this.#frame.writeUInt32LE(crc32(this.#frame.subarray(HEADER, end)), 8)
    return end
  }
}

/** Base 128, the lowest first: characters that are one byte in UTF-8. */
const digits = (value: number, count: number): string =>
  count === 2
    ? String.fromCharCode(value & 127, value >>> 7)
    : String.fromCharCode(value & 127, (value >>> 7) & 127, (value >>> 14) & 127, (value >>> 21) & 127, value >>> 28)

function numberAt(text: string, at: number, count: number): number {
  let value = 0
  for (let digit = count - 1; digit >= 0; digit -= 1) value = value * 128 + text.charCodeAt(at + digit)
  return value
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
    yield* changesIn(bytes.toString('utf8', at + HEADER, end))
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

function* changesIn(payload: string): Generator<Change> {
  let at = 0
  while (at < payload.length) {
    const keyEnd = at + 3 + numberAt(payload, at + 1, 2)
    const [letter, key] = [payload.charAt(at + 3), payload.slice(at + 4, keyEnd)]
    if (payload.charAt(at) === REMOVE) {
      at = keyEnd
      yield { letter, key, text: undefined }
    } else {
      at = keyEnd + 5 + numberAt(payload, keyEnd, 5)
      yield { letter, key, text: payload.slice(keyEnd + 5, at) }
    }
  }
}
