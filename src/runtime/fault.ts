/** What can break. A caller branches on `code`; people read `message`; `cause` keeps the origin. */
export type FaultCode =
  /** The store did not answer, or answered that it cannot: nothing may be concluded about what it did. */
  | 'store_unavailable'
  /** A key that is needed cannot be read or used. */
  | 'key_unavailable'
  /** A trusted issuer's metadata or keys cannot be fetched and no fresh enough copy is held. */
  | 'issuer_unavailable'
  /** A record that only Errand writes does not verify: its MAC is wrong or its shape is unknown. */
  | 'record_tampered'
  /** The same optimistic step lost its race too often. */
  | 'contended'

export class Fault extends Error {
  constructor(
    readonly code: FaultCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options)
    this.name = 'Fault'
  }
}
