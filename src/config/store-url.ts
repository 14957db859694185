import { isIPv6 } from 'node:net'
import { ok, refuse, type Result } from '../runtime/result.js'

export interface StoreNode {
  readonly host: string
  readonly port: number
}

export type StoreAddress = { readonly kind: 'embedded'; readonly directory: string } | RedisAddress

export interface RedisAddress {
  readonly kind: 'redis'
  readonly topology: 'single' | 'sentinel' | 'cluster'
  readonly tls: boolean
  /** At least one; of `single` exactly one; of `sentinel` the sentinels. */
  readonly nodes: readonly StoreNode[]
  /** The name of the master that the sentinels watch: of `sentinel` only. */
  readonly master?: string
  /** ACL user; absent: the default user. */
  readonly username?: string
  /** 0 unless the URL of a `single` says otherwise. */
  readonly database: number
}

type Complaint = { readonly message: string; readonly remedy: string }

const REDIS =
  /^redis(?<tls>s)?(?:\+(?<topology>sentinel|cluster))?:\/\/(?:(?<user>[^@/?#]*)@)?(?<nodes>[^@/?#]+)(?:\/(?<path>[^/?#]*))?$/
const WRITE_REDIS = 'write redis://HOST:PORT, redis+sentinel://A,B,C/NAME or redis+cluster://A,B,C; rediss… for TLS'

/** No password: it would stand in the file, in listings of processes and in logs. */
export function parseStoreUrl(text: string): Result<StoreAddress, Complaint> {
  if (text.startsWith('embedded:')) return parseEmbedded(text.slice('embedded:'.length))
  const parts = REDIS.exec(text)?.groups
  if (parts === undefined) return refuse({ message: 'is not the URL of a store', remedy: WRITE_REDIS })
  if (parts['user']?.includes(':') === true) {
    return refuse({
      message: 'holds a password',
      remedy: 'take it out, and say store.password_file or store.password_env',
    })
  }
  const topology = parts['topology'] === 'sentinel' || parts['topology'] === 'cluster' ? parts['topology'] : 'single'
  const nodes = (parts['nodes'] ?? '')
    .split(',')
    .map((node) => parseNode(node, topology === 'sentinel' ? 26_379 : 6379))
  if (!nodes.every((node) => node !== undefined))
    return refuse({ message: 'has an unreadable host or port', remedy: WRITE_REDIS })
  if (topology === 'single' && nodes.length > 1) {
    return refuse({ message: 'has several hosts', remedy: 'write redis+sentinel:// or redis+cluster://, or one host' })
  }
  const user = parts['user'] ?? ''
  const common = {
    kind: 'redis',
    tls: parts['tls'] === 's',
    nodes,
    ...(user === '' ? {} : { username: user }),
  } as const
  return withPath(common, topology, parts['path'] ?? '')
}

function parseEmbedded(directory: string): Result<StoreAddress, Complaint> {
  if (directory === '') return refuse({ message: 'names no folder', remedy: 'write embedded:./data' })
  if (directory.startsWith('//'))
    return refuse({
      message: 'is not the URL of a store',
      remedy: 'write embedded:./data, or embedded:/var/lib/errand',
    })
  return ok({ kind: 'embedded', directory })
}

function withPath(
  common: Pick<RedisAddress, 'kind' | 'tls' | 'nodes' | 'username'>,
  topology: RedisAddress['topology'],
  path: string,
): Result<RedisAddress, Complaint> {
  if (topology === 'sentinel') {
    if (!/^[\w.-]+$/.test(path))
      return refuse({ message: 'names no master', remedy: 'write redis+sentinel://A,B,C/mymaster' })
    return ok({ ...common, topology, master: path, database: 0 })
  }
  if (topology === 'cluster' && path !== '') {
    return refuse({ message: 'names a database', remedy: 'a cluster has one only: take the path out' })
  }
  if (!/^(?:|0|[1-9]\d{0,2})$/.test(path))
    return refuse({ message: 'names no database', remedy: 'write a number, as in redis://HOST:PORT/0' })
  return ok({ ...common, topology, database: Number(path) })
}

function parseNode(text: string, defaultPort: number): StoreNode | undefined {
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[A-Za-z0-9._-]+))(?::(?<port>\d{1,5}))?$/.exec(text)?.groups
  if (match === undefined) return undefined
  const host = match['v6'] ?? match['host'] ?? ''
  if (match['v6'] !== undefined && !isIPv6(host)) return undefined
  const port = match['port'] === undefined ? defaultPort : Number(match['port'])
  return port >= 1 && port <= 65_535 ? { host, port } : undefined
}
