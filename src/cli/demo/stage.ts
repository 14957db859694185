import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Io } from '../io.js'
import { openSession } from '../session.js'
import { approverWith } from './approver.js'
import { startBroker } from './broker.js'
import { startCi } from './ci.js'
import { demoConfig } from './config.js'
import { startResourceServer } from './resource-server.js'
import type { Cast } from './story.js'
import { freePort, type Temporary } from './temporary.js'
import { workloadOf } from './workload.js'

export interface Stage {
  readonly cast: Cast
  readonly url: string
  readonly ciUrl: string
  readonly configFile: string
}

/** Everything that the story needs, on free ports of loopback and in one directory: a CI, the broker, a resource server. */
export async function setStage(temporary: Temporary, io: Pick<Io, 'env' | 'clock'>): Promise<Stage> {
  const { directory } = temporary
  const { clock } = io
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const ci = await startCi(url, clock)
  temporary.later(() => ci.stop())

  const configFile = join(directory, 'errand.yaml')
  const resourceServerSecret = randomBytes(32).toString('base64url')
  writeFileSync(configFile, demoConfig({ url, port, ciUrl: ci.url, resourceServerSecret, directory }), { mode: 0o600 })
  // Nothing of the caller's own Errand is used.
  const { ERRAND_CONFIG: _config, ERRAND_TOKEN: _token, ...env } = io.env
  await startBroker({ url, configFile, env }, temporary, clock)

  const resourceServer = await startResourceServer(url, resourceServerSecret, clock)
  temporary.later(() => resourceServer.stop())
  const person = openSession({ config: configFile }, { env, clock })
  const sent = new Set<string>()
  const api = person.api()
  const cast: Cast = {
    auditor: person,
    approver: approverWith(configFile, env),
    run: workloadOf(api, ci, '1001', sent),
    nextRun: workloadOf(api, ci, '1002', sent),
    resourceServer,
    now: () => clock.now(),
  }
  return { cast, url, ciUrl: ci.url, configFile }
}
