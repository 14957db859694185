import type { CertificateNames } from '../grants/grant.js'
import type { Pattern } from '../workloads/pattern.js'

/** The names that certificates for a resource may carry beside the SPIFFE id (`resources[].certificate`). */
export interface NamePatterns {
  readonly commonName: readonly Pattern[]
  readonly dns: readonly Pattern[]
}

/**
 * A name that the resource's patterns do not let through; `undefined` when all of them pass. A resource without patterns
 * takes no names. Patterns alone put no name into a certificate: people approve the very names (contract §2).
 */
export function nameNotAllowed(
  patterns: NamePatterns | undefined,
  { common_name, dns }: CertificateNames,
): string | undefined {
  const fits = (allowed: readonly Pattern[] = [], name: string): boolean =>
    allowed.some((pattern) => pattern.matches(name))
  if (common_name !== undefined && !fits(patterns?.commonName, common_name)) return common_name
  return dns.find((name) => !fits(patterns?.dns, name))
}
