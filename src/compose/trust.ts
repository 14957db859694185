import type { Settings } from '../config/settings.js'
import type { OidcPeopleSource } from '../people/source.js'
import { boundedFetch } from '../runtime/bounded-fetch.js'
import { createIssuerKeys, type IssuerKeys } from '../workloads/issuer-keys.js'
import { createRevocationLists, type RevocationLists } from '../workloads/revocation-lists.js'
import type { Base } from './base.js'

/**
 * What others say of themselves, fetched and kept fresh: the keys of
 * trusted issuers, and lists of certificates taken back.
 */
export interface Trust {
  readonly issuerKeys: IssuerKeys
  readonly revocationLists: RevocationLists
  /** Fetches at once what is due, then looks again and again. */
  start(): Promise<void>
  stop(): void
}

const REFRESH_EVERY_MS = 30_000

export function wireTrust(base: Base): Trust {
  const issuerKeys = issuerKeysOf(base)
  const revocationLists = revocationListsOf(base)
  let timer: NodeJS.Timeout | undefined
  const refresh = (): Promise<void> => {
    // Not waited for: a broker starts while an issuer is down.
    void issuerKeys.refreshDue()
    return revocationLists.refresh()
  }
  return {
    issuerKeys,
    revocationLists,
    start() {
      timer = setInterval(() => void refresh(), REFRESH_EVERY_MS).unref()
      return refresh()
    },
    stop() {
      clearInterval(timer)
    },
  }
}

/** Those that sign in elsewhere; a local person has no issuer. */
export const oidcPeople = ({ people }: Settings): readonly OidcPeopleSource[] =>
  people.filter((source) => source.kind === 'oidc')

const issuerKeysOf = ({ settings, clock, log }: Base): IssuerKeys =>
  createIssuerKeys({
    fetch: boundedFetch,
    clock,
    issuers: [...settings.workloads.filter(({ attestation }) => attestation === undefined), ...oidcPeople(settings)],
    onFetched: (url, { usable, ignored }) => {
      log.info('issuer_keys_fetched', {
        issuer: url,
        count: usable,
        ...(ignored === 0 ? {} : { detail: `${ignored} keys are unknown or weak: ignored` }),
      })
    },
    onFetchFailed: (url, failure) => {
      log.warn('issuer_keys_not_fetched', { issuer: url, reason: failure.reason })
    },
  })

const revocationListsOf = ({ settings, log }: Base): RevocationLists =>
  createRevocationLists({
    files: settings.workloads.flatMap(({ attestation }) => attestation?.crlFiles ?? []),
    onFailed: (file, detail) => {
      log.warn('revocation_list_not_read', { detail: `${file}: ${detail}` })
    },
  })
