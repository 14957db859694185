import { ok, refuse, type Result } from '../runtime/result.js'
import { configDocument, type ConfigDocument } from './document.js'
import { draftOf, isRepaired, type Draft } from './draft.js'
import { formatPath, type ConfigFault, type Report } from './fault.js'
import { deskOf, type Desk, type LoadContext } from './files.js'
import { checkRoles } from './groups.js'
import { checkIssuers } from './issuers.js'
import { settleListeners } from './listen.js'
import { parseYaml } from './parse-yaml.js'
import { settlePeople } from './people.js'
import { settlePki } from './pki.js'
import { settleCatalogue } from './resources.js'
import type { Limits, Settings } from './settings.js'
import { reportShapeFaults } from './shape-faults.js'
import { settleDataDirectory, settleKeys, settleStore } from './store.js'
import { settleTiers } from './tiers.js'
import { reportUnsupported } from './unsupported.js'
import { settleWorkloads } from './workloads.js'

/**
 * config/ turns one YAML file into `Settings`, or says everything that is wrong with it at once. `document.ts` has the
 * shape; each section has a file with what the shape cannot say; `unsupported.ts` has what this build cannot do yet.
 * The core never reads configuration: its types are filled here.
 */
export function loadConfig(text: string, context: LoadContext): Result<Settings, readonly ConfigFault[]> {
  const yaml = parseYaml(text)
  if (!yaml.ok) return yaml
  const faults = new Map<string, ConfigFault>()
  const report: Report = (path, message, remedy) => {
    const fault = { path: formatPath(path), message, remedy }
    faults.set(JSON.stringify(fault), fault)
  }
  const parsed = configDocument.safeParse(yaml.value)
  if (!parsed.success) reportShapeFaults(parsed.error.issues, yaml.value, report)
  const { draft, repaired } = draftOf(yaml.value)
  const meant: Report = (path, message, remedy) => {
    if (!isRepaired(path, repaired)) report(path, message, remedy)
  }
  const settings = settle(draft, parsed.data, deskOf(context, meant))
  if (faults.size > 0) return refuse([...faults.values()])
  if (settings === undefined) throw new Error('the configuration was refused without a reason')
  return ok(settings)
}

function settle(draft: Draft, document: ConfigDocument | undefined, desk: Desk): Settings | undefined {
  reportUnsupported(draft, desk.report)
  checkIssuers(draft, desk.report)
  checkRoles(draft, desk.report)
  const store = settleStore(draft, desk)
  const keys = settleKeys(draft, desk)
  const pki = settlePki(draft, desk)
  const dataDirectory = settleDataDirectory(draft, store, desk)
  const listen = settleListeners(draft, desk)
  const workloads = settleWorkloads(draft, desk)
  const people = settlePeople(draft, dataDirectory, desk)
  const catalogue = settleCatalogue(draft, settleTiers(draft, desk.report), desk)
  if (document === undefined || store === undefined || keys === undefined) return undefined
  return {
    issuer: document.issuer,
    trustDomain: document.trust_domain,
    listen,
    store,
    keys,
    pki,
    workloads,
    people,
    roles: document.roles,
    catalogue,
    limits: limitsOf(document.limits),
    dataDirectory,
    log: document.log,
  }
}

const limitsOf = (entry: ConfigDocument['limits']): Limits => ({
  bodyBytes: entry.body_bytes,
  pendingPerWorkload: entry.pending_per_workload,
  pendingPerGroup: entry.pending_per_group,
  pendingPerPerson: entry.pending_per_person,
  requestsPerMinute: entry.requests_per_minute,
  coolDown: entry.cool_down,
  pollInterval: entry.poll_interval,
  lease: entry.lease,
})
