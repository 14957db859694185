import { isIPv6 } from 'node:net'
import { ok, refuse, type Result } from '../runtime/result.js'

export type StoreAddress =
  | { readonly kind: 'embedded'; readonly directory: string }
  | {
      readonly kind: 'redis'
      readonly hasUser: boolean
      /** The URL with this password in it, percent-encoded. */
      withPassword(password: string): string
    }

type Complaint = { readonly message: string; readonly remedy: string }

const REDIS =
  /^(?<scheme>rediss?(?:\+(?<topology>sentinel|cluster))?:\/\/)(?:(?<user>[^@/?#]*)@)?(?<nodes>[^@/?#]+)(?:\/(?<path>[^?#]*))?$/
const WRITE_EMBEDDED = 'write embedded:./data, or embedded:/var/lib/errand'
const WRITE_REDIS = 'write redis://HOST:PORT, redis+sentinel://A,B,C/NAME or redis+cluster://A,B,C; rediss… for TLS'
const WRITE_PATH = {
  single: { message: 'names no database', remedy: 'write a number, as in redis://HOST:PORT/0, or nothing' },
  sentinel: { message: 'names no master', remedy: 'write redis+sentinel://A,B,C/mymaster' },
  cluster: { message: 'names a database', remedy: 'take the path out: a cluster has one database' },
} as const
const PATHS = {
  single: /^(?:\d{1,4})?$/,
  sentinel: /^[\w.-]+(?:\/\d{1,4})?$/,
  cluster: /^$/,
} as const

/** A password is refused: it would stand in the file, in listings of processes and in logs. */
export function parseStoreUrl(text: string): Result<StoreAddress, Complaint> {
  if (text.startsWith('embedded:')) return parseEmbedded(text.slice('embedded:'.length))
  const parts = REDIS.exec(text)?.groups
  if (parts === undefined) return refuse({ message: 'is not the URL of a store', remedy: WRITE_REDIS })
  const { scheme = '', user = '', nodes = '', path = '' } = parts
  if (user.includes(':')) {
    const remedy = 'take it out, and say store.password_file or store.password_env'
    return refuse({ message: 'holds a password', remedy })
  }
  if (!isPercentEncoded(user)) return refuse({ message: 'has an unreadable user', remedy: 'write % as %25 in it' })
  const hosts = nodes.split(',')
  if (!hosts.every(isNode)) return refuse({ message: 'has an unreadable host or port', remedy: WRITE_REDIS })
  const kind = parts['topology'] === 'sentinel' || parts['topology'] === 'cluster' ? parts['topology'] : 'single'
  if (kind === 'single' && hosts.length > 1) return refuse({ message: 'has several hosts', remedy: WRITE_REDIS })
  if (!PATHS[kind].test(path)) return refuse(WRITE_PATH[kind])
  const rest = text.slice(text.lastIndexOf('@') < 0 ? scheme.length : text.lastIndexOf('@') + 1)
  return ok({
    kind: 'redis',
    hasUser: user !== '',
    withPassword: (password) => `${scheme}${user}:${encodeURIComponent(password)}@${rest}`,
  })
}

function parseEmbedded(directory: string): Result<StoreAddress, Complaint> {
  if (directory === '') return refuse({ message: 'names no folder', remedy: WRITE_EMBEDDED })
  // `embedded://data` looks like a URL with a host, and would be the folder /data.
  if (directory.startsWith('//')) return refuse({ message: 'has two slashes', remedy: WRITE_EMBEDDED })
  return ok({ kind: 'embedded', directory })
}

function isNode(text: string): boolean {
  const parts = /^(?:\[(?<v6>[^\]]+)\]|[A-Za-z0-9._-]+)(?::(?<port>\d{1,5}))?$/.exec(text)?.groups
  if (parts === undefined) return false
  if (parts['v6'] !== undefined && !isIPv6(parts['v6'])) return false
  const port = Number(parts['port'] ?? 6379)
  return port >= 1 && port <= 65_535
}

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
