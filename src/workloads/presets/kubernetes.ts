import { pickText } from '../claims.js'
import type { Preset } from './preset.js'
import { readable } from './preset.js'

/**
 * Kubernetes projected service account tokens. Claims by "Managing Service Accounts", kubernetes/website
 * content/en/docs/reference/access-authn-authz/service-accounts-admin.md, sections "Bound service account tokens" and
 * "Schema for service account private claims" (the object `kubernetes.io`):
 * - `serviceaccount.uid`: the account; a deleted and remade account of the same name has another. The anchor.
 * - `namespace`, `serviceaccount.name`: fixed for one uid, and what people know it by. The name's segments.
 * - `pod.uid`: the pod that the token is bound to. Sealed; a token that is bound to no pod (`kubectl create token`) has none
 *   and is refused.
 * Nobody is named who started the pod.
 */
export const kubernetes: Preset = {
  name: 'kubernetes',
  mapping: {
    anchor: '/kubernetes.io/serviceaccount/uid',
    segments: ['/kubernetes.io/namespace', '/kubernetes.io/serviceaccount/name'],
    sealed: ['/kubernetes.io/pod/uid'],
    delegate: ['/kubernetes.io/namespace', '/kubernetes.io/serviceaccount/name'],
  },
  mappingIsConfigurable: false,
  // The same file is presented again until the kubelet rotates it.
  reuse: 'until_expiry',
  algorithms: ['RS256', 'ES256'],
  starterIsUnknown: () => false,
  describe: (claims) => {
    const [namespace, account, pod] = ['namespace', 'serviceaccount/name', 'pod/name'].map((name) =>
      pickText(claims, `/kubernetes.io/${name}`),
    )
    return readable(`pod ${pod ?? '?'} as ${namespace ?? '?'}/${account ?? '?'}`)
  },
  referenceTo: () => undefined,
}
