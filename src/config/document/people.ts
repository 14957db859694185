import { z } from 'zod'
import * as value from '../values.js'
import { algorithms, audiences, groups, keySource } from './common.js'

const requirement = () =>
  z
    .strictObject({
      max_age: value.duration('1s', '30d').optional().describe('The greatest age of `auth_time`.'),
      acr_values: z.array(value.text()).min(1).optional().describe('One of these must be the `acr`.'),
      amr: z.array(value.text()).min(1).optional().describe('All of these must be in `amr`.'),
    })
    .prefault({})
    .describe('How people must have signed in; too weak is answered with the challenge of RFC 9470.')

export const oidcPeople = z
  .strictObject({
    preset: z.literal('oidc').default('oidc').describe('An OpenID Connect issuer.'),
    name: value.name().describe('People are named `<name>:<sub>`.'),
    issuer: value.foreignUrl().describe('Its `iss`, to the letter.'),
    audiences: audiences().describe('A token must be made for one of these.'),
    client_id: value.text().optional().describe('For signing in to the console, which is not in this build.'),
    groups_claim: value.claim().default('groups').describe('The claim with the groups.'),
    same_person: value
      .claim()
      .optional()
      .describe(
        "The claim that joins one human's accounts; `email` counts only with `email_verified`. Required of each where there are several people issuers.",
      ),
    links: z
      .record(value.name(), value.claim())
      .default({})
      .describe("Workload source to the claim that holds this person's id there, for the separation of duties."),
    require: requirement(),
    algorithms: algorithms().default(['RS256', 'ES256', 'PS256', 'EdDSA']).describe('Signatures that are accepted.'),
    leeway: value
      .duration('0s', '2m')
      .optional()
      .describe('Clock leeway on `nbf` and `iat`. Default: `limits.leeway`.'),
    ...keySource,
  })
  .describe('An issuer of the tokens of people.')

export const localPeople = z
  .strictObject({
    preset: z
      .literal('local')
      .describe('The one person at this machine, by a key in the data directory. On loopback only.'),
    name: value.name().describe('The person is named `<name>:local`.'),
    groups: groups().describe('The groups of that person.'),
    links: z
      .record(value.name(), value.text())
      .default({})
      .describe('Who that person is at workload sources, for the separation of duties.'),
    require: requirement(),
  })
  .describe('For trying Errand out without an identity provider.')

export const roles = z
  .strictObject({
    approver: groups().describe('May list grants and review them, for their own groups.'),
    operator: groups().describe('May list grants and revoke them.'),
    auditor: groups().describe('May list grants and read evidence.'),
  })
  .prefault({})
  .describe('Role to the groups that have it; `<people name>/<group>` where there are several people issuers.')
