// @ts-check
// A person at a browser who signs in at their issuer: the authorization code flow with PKCE by openid-client, the pages of
// the issuer by fetch. Says the ID token.
import * as client from 'openid-client'

const { issuer, clientId, redirectUri, login, maxAge } = JSON.parse(process.argv[2] ?? '{}')

const config = await client.discovery(new URL(issuer), clientId, undefined, client.None(), {
  execute: [client.allowInsecureRequests],
})
const codeVerifier = client.randomPKCECodeVerifier()
const nonce = client.randomNonce()
const state = client.randomState()
const start = client.buildAuthorizationUrl(config, {
  redirect_uri: redirectUri,
  scope: 'openid',
  code_challenge: await client.calculatePKCECodeChallenge(codeVerifier),
  code_challenge_method: 'S256',
  nonce,
  state,
  ...(maxAge !== undefined && { max_age: String(maxAge) }),
})

const back = await browse(start)
const tokens = await client.authorizationCodeGrant(config, back, {
  pkceCodeVerifier: codeVerifier,
  expectedNonce: nonce,
  expectedState: state,
  ...(maxAge !== undefined && { maxAge }),
})
process.stdout.write(`${JSON.stringify({ id_token: tokens.id_token, claims: tokens.claims() })}\n`)

/** Follows redirects and submits forms until the client's own address comes up. @param {URL} from */
async function browse(from) {
  /** @type {Map<string, string>} */
  const cookies = new Map()
  /** @type {URL} */
  let url = from
  /** @type {RequestInit} */
  let init = {}
  for (let steps = 0; steps < 20; steps += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(url, { ...init, redirect: 'manual', headers: { cookie } })
    for (const line of answer.headers.getSetCookie()) {
      const [pair = ''] = line.split(';')
      const at = pair.indexOf('=')
      cookies.set(pair.slice(0, at), pair.slice(at + 1))
    }
    const location = answer.headers.get('location')
    if (location !== null) {
      url = new URL(location, url)
      init = {}
      if (url.href.startsWith(redirectUri)) return url
      continue
    }
    const page = await answer.text()
    const action = /<form[^>]* action="([^"]+)"/.exec(page)?.[1]
    const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1]
    if (action === undefined || prompt === undefined) throw new Error(`no form on the page: ${page.slice(0, 500)}`)
    url = new URL(action, url)
    init = { method: 'POST', body: new URLSearchParams({ prompt, login, password: 'any' }) }
  }
  throw new Error('it goes round in circles')
}
