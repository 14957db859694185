/** How a table's values are written down. `decode` reads only what `encode` wrote. */
export interface Codec<T> {
  encode(value: T): string
  decode(text: string): T
}

/** One change of one key of a table. `text` is `undefined` when the key is removed. */
export interface Change {
  /** The table's letter: all of its keys begin with it in the log and in lmdb. */
  readonly letter: string
  /** Bytes in a string (latin1). */
  readonly key: string
  readonly text: string | undefined
}

/** What a table needs of the database it is in. */
export interface Base {
  /** What lmdb holds. */
  read(letter: string, key: string): string | undefined
  /** What lmdb holds from `start` to before `end`, in order. */
  range(letter: string, start: string, end: string): Iterable<{ readonly key: string; readonly text: string }>
  /** Adds to the step that is running. Throws outside a step. */
  note(change: NotedChange): void
}

/** A change of the step that is running. */
export interface NotedChange extends Change {
  takeBack(): void
  /** The step is done: it will not be taken back. */
  settle(): void
}

class Entry<T> implements NotedChange {
  #before: Entry<T> | undefined

  constructor(
    readonly overlay: Overlay<T>,
    readonly letter: string,
    readonly key: string,
    /** `undefined`: removed. */
    readonly value: T | undefined,
    readonly text: string | undefined,
    before: Entry<T> | undefined,
  ) {
    this.#before = before
  }

  takeBack(): void {
    if (this.#before) this.overlay.entries.set(this.key, this.#before)
    else this.overlay.entries.delete(this.key)
  }

  settle(): void {
    this.#before = undefined
  }
}

/** Changes that lmdb does not hold yet. */
class Overlay<T> {
  readonly entries = new Map<string, Entry<T>>()
  /** Keys by their first character, so that a scan looks at few; a key may be there more than once, or be gone. */
  readonly groups: Map<string, string[]> | undefined

  constructor(scanned: boolean) {
    this.groups = scanned ? new Map() : undefined
  }

  note(key: string): void {
    const group = this.groups?.get(key.charAt(0))
    if (group) group.push(key)
    else this.groups?.set(key.charAt(0), [key])
  }

  *keysWithin(start: string, end: string): Generator<string> {
    const first = start.charAt(0)
    const one = first !== '' && end.startsWith(first)
    const groups = this.groups ? (one ? [this.groups.get(first) ?? []] : this.groups.values()) : [this.entries.keys()]
    for (const group of groups) for (const key of group) if (key >= start && key < end) yield key
  }
}

export interface Range {
  readonly start: string
  /** Not included. */
  readonly end: string
}

/**
 * Keys and values of one kind. Reading sees every step that has run, durable or not; writing is possible within a step only.
 * Values are shared, not copied: never change one, put another.
 */
export class Table<T> {
  #active: Overlay<T>
  #frozen: Overlay<T> | undefined

  constructor(
    readonly base: Base,
    readonly letter: string,
    readonly codec: Codec<T>,
    /** Scanned often: worth an index of what is in memory. */
    readonly scanned: boolean,
  ) {
    this.#active = new Overlay(scanned)
  }

  get(key: string): T | undefined {
    const entry = this.#overlaid(key)
    if (entry) return entry.value
    const text = this.base.read(this.letter, key)
    return text === undefined ? undefined : this.codec.decode(text)
  }

  has(key: string): boolean {
    const entry = this.#overlaid(key)
    return entry ? entry.value !== undefined : this.base.read(this.letter, key) !== undefined
  }

  put(key: string, value: T): void {
    this.#change(key, value, this.codec.encode(value))
  }

  remove(key: string): void {
    if (this.has(key)) this.#change(key, undefined, undefined)
  }

  /** In the order of the keys. Nothing may be changed in the table until the iteration has ended. */
  *scan({ start, end }: Range): Generator<{ readonly key: string; readonly value: T }> {
    const overlaid = this.#overlaidWithin(start, end)
    let next = 0
    for (const { key, text } of this.base.range(this.letter, start, end)) {
      for (; (overlaid[next] ?? end) < key; next += 1) yield* this.#present(overlaid[next])
      if (overlaid[next] !== key) yield { key, value: this.codec.decode(text) }
    }
    for (; next < overlaid.length; next += 1) yield* this.#present(overlaid[next])
  }

  /** What has changed so far is about to be written to lmdb; new changes are kept apart. */
  freeze(): void {
    this.#frozen = this.#active
    this.#active = new Overlay(this.scanned)
  }

  /** The last change of each key that was frozen. */
  frozen(): Iterable<Change> {
    return this.#frozen?.entries.values() ?? []
  }

  /** lmdb holds what was frozen. */
  thaw(): void {
    this.#frozen = undefined
  }

  /** Forgets every change that lmdb does not hold. */
  reset(): void {
    this.#active = new Overlay(this.scanned)
    this.#frozen = undefined
  }

  #overlaid(key: string): Entry<T> | undefined {
    return this.#active.entries.get(key) ?? this.#frozen?.entries.get(key)
  }

  /** Sorted, each once. */
  #overlaidWithin(start: string, end: string): string[] {
    const keys = new Set(this.#active.keysWithin(start, end))
    if (this.#frozen) for (const key of this.#frozen.keysWithin(start, end)) keys.add(key)
    return [...keys].filter((key) => this.#overlaid(key)).sort((a, b) => (a < b ? -1 : 1))
  }

  *#present(key = ''): Generator<{ readonly key: string; readonly value: T }> {
    const value = this.#overlaid(key)?.value
    if (value !== undefined) yield { key, value }
  }

  #change(key: string, value: T | undefined, text: string | undefined): void {
    const overlay = this.#active
    const before = overlay.entries.get(key)
    const entry = new Entry(overlay, this.letter, key, value, text, before)
    this.base.note(entry)
    overlay.entries.set(key, entry)
    if (!before) overlay.note(key)
  }
}
