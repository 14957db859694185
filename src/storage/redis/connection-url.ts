/** Where Redis is, as the URL in the configuration says it. */
export type RedisPlace = { readonly tls: boolean; readonly username?: string; readonly password?: string } & (
  | { readonly kind: 'single'; readonly node: RedisNode; readonly db: number }
  | { readonly kind: 'sentinel'; readonly nodes: readonly RedisNode[]; readonly master: string; readonly db: number }
  | { readonly kind: 'cluster'; readonly nodes: readonly RedisNode[] }
)

export interface RedisNode {
  readonly host: string
  readonly port: number
}

const SHAPE = /^redis(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^@/?#]+)((?:\/[^/?#]*)*)$/
const FORMS = 'redis://host:port/0, redis+sentinel://a,b,c/master, or redis+cluster://a,b,c (rediss… for TLS)'

/**
 * Reads a URL of the forms `redis://user:password@host:port/db`, `redis+sentinel://a,b,c/master/db` and
 * `redis+cluster://a,b,c`, each with `rediss` for TLS. User and password are percent-encoded.
 *
 * @throws TypeError that says what is wrong and never quotes the URL: it may hold a password.
 */
export function parseConnectionUrl(url: string): RedisPlace {
  const [, secure, kind, user, hosts = '', path = ''] = SHAPE.exec(url) ?? []
  if (secure === undefined) throw new TypeError(`the store's url is not of a known form: use ${FORMS}`)
  const common = { tls: secure === 's', ...credentialsIn(user) }
  const nodes = hosts.split(',').map((host) => nodeIn(host, kind === 'sentinel' ? 26_379 : 6379))
  const words = path
    .split('/')
    .slice(1)
    .filter((word) => word !== '')
  if (kind === 'cluster') {
    if (words.length > 0) throw new TypeError("the store's url names a database, and a cluster has only one")
    return { ...common, kind, nodes }
  }
  if (kind === 'sentinel') {
    const [master, db] = words
    if (master === undefined) throw new TypeError("the store's url names no master: redis+sentinel://a,b,c/master")
    return { ...common, kind, nodes, master, db: databaseIn(db) }
  }
  const [node] = nodes
  if (node === undefined || nodes.length > 1) throw new TypeError(`the store's url names several servers: use ${FORMS}`)
  return { ...common, kind: 'single', node, db: databaseIn(words[0]) }
}

function credentialsIn(text: string | undefined): { username?: string; password?: string } {
  if (text === undefined || text === '') return {}
  const [username = '', ...rest] = text.split(':')
  const password = rest.join(':')
  try {
    return {
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    }
  } catch {
    throw new TypeError("the user or password in the store's url is not percent-encoded")
  }
}

function nodeIn(text: string, defaultPort: number): RedisNode {
  const [, bracketed, plain, port] = /^(?:\[([\da-fA-F:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const host = bracketed ?? plain
  const number = port === undefined ? defaultPort : Number(port)
  if (host === undefined || number > 65_535) throw new TypeError("a server in the store's url is not host:port")
  return { host, port: number }
}

function databaseIn(text: string | undefined): number {
  if (text === undefined) return 0
  if (!/^\d{1,4}$/.test(text)) throw new TypeError("the database in the store's url is not a number")
  return Number(text)
}
