/** How a table's values are written down. `decode` reads only what `encode` wrote. */
export interface Codec<T> {
  encode(value: T): string
  decode(text: string): T
}

/** What a table needs of the database it is in. Keys given here are whole keys: the table's letter comes first. */
export interface Base {
  read(key: string): string | undefined
  /** Keys from `start` to before `end`, in order. */
  range(start: string, end: string, reverse: boolean): Iterable<{ readonly key: string; readonly text: string }>
  /** Notes a change of the step that is running; `undo` takes it back. Throws outside a step. */
  note(key: string, text: string | undefined, undo: () => void): void
}

interface Entry<T> {
  /** `undefined`: removed. */
  readonly value: T | undefined
}

/** Changes that lmdb does not hold yet. Ordered by the first two characters of the key, so that a scan looks at few of them. */
class Overlay<T> {
  readonly #entries = new Map<string, Entry<T>>()
  readonly #groups = new Map<string, Set<string>>()

  get(key: string): Entry<T> | undefined {
    return this.#entries.get(key)
  }

  set(key: string, entry: Entry<T> | undefined): void {
    const group = this.#groups.get(key.slice(0, 1))
    if (entry === undefined) {
      this.#entries.delete(key)
      group?.delete(key)
      return
    }
    this.#entries.set(key, entry)
    if (group) group.add(key)
    else this.#groups.set(key.slice(0, 1), new Set([key]))
  }

  keysWithin(start: string, end: string): string[] {
    const first = start.slice(0, 1)
    const groups = first !== '' && end.startsWith(first) ? [this.#groups.get(first) ?? []] : this.#groups.values()
    const keys: string[] = []
    for (const group of groups) for (const key of group) if (key >= start && key < end) keys.push(key)
    return keys
  }
}

export interface Range {
  readonly start: string
  /** Not included. */
  readonly end: string
  readonly reverse?: boolean
}

/**
 * Keys and values of one kind. Reading sees every step that has run, durable or not; writing is possible within a step only.
 * Values are shared, not copied: never change one, put another.
 */
export class Table<T> {
  #active = new Overlay<T>()
  #frozen: Overlay<T> | undefined

  constructor(
    readonly base: Base,
    /** One character: it begins all keys of the table. */
    readonly letter: string,
    readonly codec: Codec<T>,
  ) {}

  get(key: string): T | undefined {
    const entry = this.#overlaid(key)
    if (entry) return entry.value
    const text = this.base.read(this.letter + key)
    return text === undefined ? undefined : this.codec.decode(text)
  }

  has(key: string): boolean {
    return this.get(key) !== undefined
  }

  put(key: string, value: T): void {
    this.#change(key, { value }, this.codec.encode(value))
  }

  remove(key: string): void {
    if (this.has(key)) this.#change(key, { value: undefined }, undefined)
  }

  /** In the order of the keys. Nothing may be changed in the table until the iteration has ended. */
  *scan({ start, end, reverse = false }: Range): Generator<{ readonly key: string; readonly value: T }> {
    const sign = reverse ? -1 : 1
    const overlaid = this.#overlaidWithin(start, end).sort((a, b) => (a < b ? -sign : sign))
    let next = 0
    const upTo = function* (table: Table<T>, limit: string | undefined) {
      for (; next < overlaid.length; next += 1) {
        const key = overlaid[next] ?? ''
        if (limit !== undefined && (reverse ? key < limit : key > limit)) return
        const value = table.#overlaid(key)?.value
        if (value !== undefined) yield { key, value }
      }
    }
    for (const { key: whole, text } of this.base.range(this.letter + start, this.letter + end, reverse)) {
      const key = whole.slice(1)
      yield* upTo(this, key)
      if (!this.#overlaid(key)) yield { key, value: this.codec.decode(text) }
    }
    yield* upTo(this, undefined)
  }

  /** What has changed so far is about to be written to lmdb; new changes are kept apart. */
  freeze(): void {
    this.#frozen = this.#active
    this.#active = new Overlay<T>()
  }

  /** lmdb holds what was frozen. */
  thaw(): void {
    this.#frozen = undefined
  }

  /** Forgets every change that lmdb does not hold. */
  reset(): void {
    this.#active = new Overlay<T>()
    this.#frozen = undefined
  }

  #overlaid(key: string): Entry<T> | undefined {
    return this.#active.get(key) ?? this.#frozen?.get(key)
  }

  #overlaidWithin(start: string, end: string): string[] {
    const active = this.#active.keysWithin(start, end)
    const frozen = this.#frozen?.keysWithin(start, end) ?? []
    return frozen.length === 0 ? active : [...new Set([...active, ...frozen])]
  }

  #change(key: string, entry: Entry<T>, text: string | undefined): void {
    const before = this.#active.get(key)
    this.base.note(this.letter + key, text, () => {
      this.#active.set(key, before)
    })
    this.#active.set(key, entry)
  }
}
