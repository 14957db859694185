import { inspect } from 'node:util'

const PLACEHOLDER = '[secret]'

/** A value that must not be shown: it prints as a placeholder wherever it is put, and is had by `reveal()` alone. */
export class Secret<T> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
  }

  reveal(): T {
    return this.#value
  }

  toString(): string {
    return PLACEHOLDER
  }

  toJSON(): string {
    return PLACEHOLDER
  }

  [inspect.custom](): string {
    return PLACEHOLDER
  }
}
