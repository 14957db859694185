import { z } from 'zod'
import { keys } from './document/keys.js'
import { limits } from './document/limits.js'
import { listener } from './document/listen.js'
import { log } from './document/log.js'
import { localPeople, oidcPeople, roles } from './document/people.js'
import { pki } from './document/pki.js'
import { resource, type allowRule, type client } from './document/resources.js'
import { store } from './document/store.js'
import { tier } from './document/tiers.js'
import { workload } from './document/workloads.js'
import * as value from './values.js'

/**
 * The configuration file as it is written: the single source of its shape. `errand.schema.json`,
 * `docs/configuration.md`, the parser and the hints in faults all come from here, each section from its
 * file in `document/`. What depends on several values is checked beside this file (`listen.ts`,
 * `workloads.ts`, …), what this build cannot do yet in `unsupported.ts`.
 */
export const configDocument = z
  .strictObject({
    issuer: value.ownIssuer().describe('Where clients reach Errand; the `iss` of what it issues.'),
    trust_domain: value.trustDomain().describe('The SPIFFE trust domain of the names that Errand gives to workloads.'),
    listen: z.array(listener).min(1).max(20).describe('The addresses that Errand serves.'),
    pki,
    store,
    data_directory: value
      .file()
      .optional()
      .describe('For files that Errand makes itself. Default: the folder of the embedded store, or `./data`.'),
    keys,
    workloads: z.array(workload).min(1).max(1000).describe('Whose assertions are believed.'),
    people: z
      .array(z.discriminatedUnion('preset', [oidcPeople, localPeople]))
      .max(100)
      .prefault([])
      .describe('Who may decide.'),
    roles,
    resources: z.array(resource).min(1).max(10_000).describe('What can be asked for.'),
    tiers: z.record(value.tierName(), tier).describe('Names of your own for levels of risk.'),
    policies: value.file().optional().describe('A folder of Cedar policies. Not in this build: `allow` decides.'),
    limits,
    log,
  })
  .meta({ title: 'Errand configuration', description: 'One YAML file: `ERRAND_CONFIG`, or config/errand.yaml.' })

export type ConfigDocument = z.output<typeof configDocument>
export type ListenerEntry = ConfigDocument['listen'][number]
export type WorkloadEntry = ConfigDocument['workloads'][number]
export type PeopleEntry = ConfigDocument['people'][number]
export type ResourceEntry = ConfigDocument['resources'][number]
export type TierEntry = ConfigDocument['tiers'][string]
export type AllowEntry = z.output<typeof allowRule>
export type ClientEntry = z.output<typeof client>
