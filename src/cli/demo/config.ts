import { sha256Hex } from '../../runtime/digest.js'

/** What the demo's broker is configured with. Written as JSON, which is YAML too. */
export const AUDIENCE = 'https://deploy.example.com'
export const SCOPE = 'deploy:production'
export const RESOURCE_SERVER_ID = 'deploy-api'
const GROUP = 'platform'

export interface DemoPlaces {
  readonly url: string
  readonly port: number
  readonly ciUrl: string
  readonly resourceServerSecret: string
  readonly directory: string
}

export const demoConfig = ({ url, port, ciUrl, resourceServerSecret, directory }: DemoPlaces): string =>
  JSON.stringify(
    {
      issuer: url,
      trust_domain: 'demo.localhost',
      listen: [{ host: '127.0.0.1', port, serve: ['api'] }],
      store: { url: `embedded:${directory}/data` },
      workloads: [
        {
          name: 'ci',
          preset: 'generic',
          issuer: ciUrl,
          audiences: [url],
          owner: GROUP,
          mapping: { anchor: 'sub', sealed: ['run_id'], started_by: 'actor' },
        },
      ],
      people: [{ name: 'local', preset: 'local', groups: [GROUP, 'audit'], links: { ci: 'you' } }],
      roles: { approver: [GROUP], auditor: ['audit'] },
      resources: [
        {
          audience: AUDIENCE,
          scopes: { [SCOPE]: 'reviewed' },
          credentials: ['jwt', 'x509'],
          clients: [
            { id: RESOURCE_SERVER_ID, auth: 'client_secret_basic', secret_sha256: sha256Hex(resourceServerSecret) },
          ],
        },
      ],
      tiers: { reviewed: { approval: [{ group: GROUP, count: 1 }], signed: false, max_ttl: '5m', max_window: '1h' } },
      limits: { poll_interval: '1s' },
    },
    null,
    2,
  )
