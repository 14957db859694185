import type { Settings } from '../config/settings.js'

/** Every origin under which clients reach the endpoints: what `htu` of a DPoP proof may name. */
export const originsOf = ({ listen, issuer }: Settings): readonly string[] => [
  new URL(issuer).origin,
  ...listen.flatMap(({ mtlsOrigin }) => mtlsOrigin ?? []),
]

/** Where clients can show certificates, as the metadata has it. Of several such listeners, the first. */
export function mutualTlsOf({ listen, issuer }: Settings): { mutualTls: boolean; mutualTlsBase: string | undefined } {
  const [first] = listen.filter(({ serve }) => serve.includes('mtls'))
  const base =
    first?.mtlsOrigin === undefined ? undefined : first.mtlsOrigin + issuer.slice(new URL(issuer).origin.length)
  return { mutualTls: first !== undefined, mutualTlsBase: base }
}
