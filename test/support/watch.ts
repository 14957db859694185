import { SHARDS } from '../../src/runtime/ids.js'
import type { EvidenceStore } from '../../src/evidence/evidence-store.js'
import { templateOf, undocumented, type OpenapiDocument } from './documented.js'
import { createSecretKeeper, secretsIn, type SecretKeeper } from './secrets.js'

/**
 * Looks at every answer of a broker under test: each must be as /openapi.json describes it, and none but the answer that
 * hands a secret over may hold one.
 */
export interface Watch {
  readonly secrets: SecretKeeper
  /** Sends a request and looks at its answer. Throws when there is something wrong with it. */
  fetch(path: string, init?: RequestInit): Promise<WatchedAnswer>
  /** Throws when one of the texts holds a secret; each is named by what it is. */
  search(texts: Readonly<Record<string, string>>): void
}

export interface WatchedAnswer {
  readonly status: number
  readonly headers: Headers
  /** As received. */
  readonly text: string
}

export function createWatch(url: string, secrets: SecretKeeper = createSecretKeeper()): Watch {
  let described: Promise<OpenapiDocument> | undefined
  const document = (): Promise<OpenapiDocument> =>
    (described ??= fetch(`${url}/openapi.json`).then((answer) => answer.json() as Promise<OpenapiDocument>))

  const keepAll = (text: string, name: string): void => {
    for (const secret of secretsIn(text)) secrets.keep(secret, name)
  }
  const search: Watch['search'] = (texts) => {
    const leaks = Object.entries(texts).flatMap(([where, text]) =>
      secrets.foundIn(text).map((name) => `${where} holds ${name}`),
    )
    if (leaks.length > 0) throw new Error(`secrets have leaked: ${leaks.join('; ')}`)
  }

  return {
    secrets,
    search,
    async fetch(path, init = {}) {
      keepAll(path, 'a token of a path or query')
      for (const [name, value] of new Headers(init.headers)) {
        keepAll(value, `a token of the header ${name}`)
        if (/^basic /i.test(value)) secrets.keep(value.slice(6), 'the secret of a Basic header')
      }
      keepAll(
        typeof init.body === 'string' ? init.body : init.body instanceof URLSearchParams ? init.body.toString() : '',
        'a token of a body',
      )
      const response = await fetch(`${url}${path}`, { redirect: 'manual', ...init })
      const answer = { status: response.status, headers: response.headers, text: await response.text() }
      const at = `${init.method ?? 'GET'} ${path.replace(/\?.*/, '')} answered ${answer.status}`
      const faults = faultsOf(await document(), init.method ?? 'GET', path, answer)
      if (faults.length > 0)
        throw new Error(`${at} ${answer.text.slice(0, 500)}: not as documented: ${faults.join('; ')}`)
      const { handedOver, rest } = partition(answer, path)
      // First what is already known, then what this answer hands over: it may not stand elsewhere in it either.
      for (const secret of handedOver) secrets.keep(secret, 'a credential or code that was handed over')
      search({ [at]: `${rest}\n${[...answer.headers].flat().join('\n')}` })
      return answer
    },
  }
}

/** What is wrong with an answer, by the description. What no operation describes is only ever an error of the edge. */
function faultsOf(document: OpenapiDocument, method: string, path: string, answer: WatchedAnswer): readonly string[] {
  const { pathname } = new URL(path, 'http://localhost')
  const template = templateOf(document, pathname)
  const contentType = answer.headers.get('content-type')
  if (template === undefined || !(methodOf(method) in (document.paths[template] ?? {}))) {
    if (answer.status < 400 || answer.status > 499) return ['it is not described, and yet not refused']
    return (contentType ?? '').includes('json') || method === 'HEAD' ? [] : [`content type "${contentType ?? ''}"`]
  }
  return undocumented(document, { method, path: template, status: answer.status, contentType, body: answer.text })
}

const methodOf = (method: string): string => (method === 'HEAD' ? 'get' : method.toLowerCase())

/** Only /token hands over secrets, in these members. */
function partition({ text }: WatchedAnswer, path: string): { handedOver: readonly string[]; rest: string } {
  if (!path.endsWith('/token') || !text.startsWith('{')) return { handedOver: [], rest: text }
  const { access_token, deferral_code, ...rest } = JSON.parse(text) as Record<string, unknown>
  // A certificate is public: what is secret about it never comes here.
  const handedOver = [access_token, deferral_code].filter(
    (value) => typeof value === 'string' && !value.startsWith('-----BEGIN CERTIFICATE-----'),
  ) as readonly string[]
  return { handedOver, rest: JSON.stringify(rest) }
}

/** Every line of evidence that there is. */
export async function allEvidence(store: EvidenceStore): Promise<string> {
  const heads = await store.heads()
  const lines: string[] = []
  for (let shard = 0; shard < SHARDS; shard += 1) {
    let after = 0
    while (after < (heads[shard] ?? 0)) {
      const page = await store.read(shard, after, 1000)
      const last = page.at(-1)
      if (last === undefined) break
      lines.push(...page.map(({ line }) => line))
      after = last.seq
    }
  }
  return lines.join('\n')
}
