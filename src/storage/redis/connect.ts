import { Cluster, Redis } from 'ioredis'
import { parseConnectionUrl, type RedisPlace } from './connection-url.js'

export type RedisClient = Redis | Cluster

/** What the store tells about its connection; never with a user or a password in it. */
export type RedisEvent =
  | { readonly kind: 'connected' }
  | { readonly kind: 'disconnected' }
  | { readonly kind: 'error'; readonly reason: string }
  | { readonly kind: 'warning'; readonly reason: string }

export interface ConnectOptions {
  readonly url: string
  /** How long a command may take before it counts as unanswered. */
  readonly commandTimeoutMs: number
  readonly onEvent: (event: RedisEvent) => void
  readonly onError: (error: unknown) => void
}

const reconnectDelay = (attempt: number): number => Math.min(50 * 2 ** Math.min(attempt, 5), 1000)

/**
 * A request either knows or answers 503: nothing is queued while there is no connection, nothing is sent twice, nothing is
 * retried inside a request. The connection comes back by itself.
 */
const commandOptions = (commandTimeoutMs: number) => ({
  lazyConnect: true,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  enableAutoPipelining: false,
  enableReadyCheck: true,
  // What a server that is loading expects to take is a guess of its first moments: it is asked again, ms.
  maxLoadingRetryTime: 250,
  commandTimeout: commandTimeoutMs,
  connectTimeout: 5000,
  disconnectTimeout: 200,
  // A peer that vanished without a word leaves commands unanswered: then the connection is given up.
  socketTimeout: commandTimeoutMs * 2,
  keepAlive: 10_000,
  // What library this is, is nobody's business, and a user with few rights may not say it.
  disableClientInfo: true,
  // RESP2: one shape for all replies, on every server.
  protocol: 2 as const,
  // After a failover an old master says READONLY until we let go of it.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
})

export function createClient(options: ConnectOptions): RedisClient {
  const client = clientFor(parseConnectionUrl(options.url), options.commandTimeoutMs)
  client.on('ready', () => {
    options.onEvent({ kind: 'connected' })
  })
  client.on('close', () => {
    options.onEvent({ kind: 'disconnected' })
  })
  client.on('error', (error: unknown) => {
    options.onError(error)
    options.onEvent({ kind: 'error', reason: error instanceof Error ? error.message : 'unknown error' })
  })
  return client
}

function clientFor(place: RedisPlace, commandTimeoutMs: number): RedisClient {
  const options = {
    ...commandOptions(commandTimeoutMs),
    ...(place.username === undefined ? {} : { username: place.username }),
    ...(place.password === undefined ? {} : { password: place.password }),
    ...(place.tls ? { tls: {} } : {}),
  }
  switch (place.kind) {
    case 'single':
      return new Redis({
        ...options,
        host: place.node.host,
        port: place.node.port,
        db: place.db,
        enableOfflineQueue: false,
        retryStrategy: reconnectDelay,
      })
    case 'sentinel':
      // A master that was demoted says READONLY, one that is gone closes: both make us ask Sentinel again. One that is cut
      // off from its replicas acknowledges nothing with `replicas: 1`.
      return new Redis({
        ...options,
        ...(place.tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
        sentinels: place.nodes.map(({ host, port }) => ({ host, port })),
        name: place.master,
        role: 'master',
        db: place.db,
        enableOfflineQueue: false,
        retryStrategy: reconnectDelay,
        sentinelRetryStrategy: reconnectDelay,
        sentinelCommandTimeout: commandTimeoutMs,
      })
    case 'cluster':
      return new Cluster(
        place.nodes.map(({ host, port }) => ({ host, port })),
        {
          lazyConnect: true,
          enableOfflineQueue: false,
          clusterRetryStrategy: reconnectDelay,
          clusterNodeRetryStrategy: reconnectDelay,
          // A redirection was not carried out, so it may be followed; anything else was perhaps, so it is not sent again.
          retryDelayOnFailover: 0,
          retryDelayOnClusterDown: 0,
          slotsRefreshTimeout: commandTimeoutMs,
          redisOptions: options,
        },
      )
  }
}

/** The masters that there are now. */
export const mastersOf = (client: RedisClient): readonly Redis[] =>
  client instanceof Cluster ? client.nodes('master') : [client]
