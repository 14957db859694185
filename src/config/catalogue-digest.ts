import type { AllowRule, Guard, Resource, Tier } from '../policy/catalogue.js'
import type { NamePatterns } from '../policy/certificate-names.js'
import { sha256Hex } from '../runtime/digest.js'
import { canonicalize } from '../runtime/jcs.js'

/** The schemas of `authorization_details` by audience and type: functions have no JSON form. */
export type DetailSchemas = ReadonlyMap<string, ReadonlyMap<string, unknown>>

/**
 * Names the rules that decided, in each evidence event: lowercase hex of SHA-256 over the JCS of everything in the
 * catalogue that a decision depends on. The order in the file does not matter, except among allow rules; who may
 * introspect does not matter either.
 */
export const catalogueDigest = (
  resources: ReadonlyMap<string, Resource>,
  tiers: ReadonlyMap<string, Tier>,
  schemas: DetailSchemas,
): string =>
  sha256Hex(
    canonicalize({
      v: 1,
      tiers: Object.fromEntries([...tiers].map(([name, tier]) => [name, { ...tier }])),
      resources: Object.fromEntries(
        [...resources].map(([audience, resource]) => [audience, resourceTerms(resource, schemas.get(audience))]),
      ),
    }),
  )

const resourceTerms = (resource: Resource, schemas: ReadonlyMap<string, unknown> | undefined) => ({
  scopes: Object.fromEntries([...resource.scopes].map(([scope, guard]) => [scope, guardTerms(guard)])),
  details: Object.fromEntries(
    [...resource.details].map(([type, guard]) => [type, { ...guardTerms(guard), schema: schemas?.get(type) }]),
  ),
  credentials: resource.credentials,
  signingAlg: resource.signingAlg,
  ...(resource.certificateNames === undefined ? {} : { certificate: nameTerms(resource.certificateNames) }),
})

const nameTerms = ({ commonName, dns }: NamePatterns) => ({
  commonName: commonName.map(({ text }) => text).sort(),
  dns: dns.map(({ text }) => text).sort(),
})

const guardTerms = ({ tier, allow }: Guard) => ({ tier: tier.name, allow: allow.map(ruleTerms) })

const ruleTerms = ({ id, issuer, subject, claims }: AllowRule) => ({ id, issuer, subject, claims })
