import { readFile } from 'node:fs/promises'
import type { BoundedFetch, FetchOptions, FetchRefusal } from '../runtime/bounded-fetch.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { parseCertificate, type ParsedCertificate } from '../x509/certificate.js'
import { toPem } from '../x509/pem.js'
import type { KeySet } from './key-set.js'
import type { BundleSource } from './source.js'
import { parseSpiffeBundle } from './spiffe-bundle.js'
import { parseStrictObject } from './strict-json.js'

/** How long and how large the answer of an issuer may be. */
export const KEY_FETCH = { timeoutMs: 5_000, maxBytes: 256 * 1024 }

/** What an issuer has said of its keys. */
export interface FetchedKeys {
  readonly set: KeySet
  /** Of a trust domain alone. */
  readonly roots: readonly ParsedCertificate[]
  /** Seconds after which it wants to be asked again. */
  readonly maxAge: number | undefined
}

export type BundleRefusal =
  FetchRefusal | { readonly reason: 'key_set_invalid' } | { readonly reason: 'bundle_file_unreadable' }

/**
 * The bundle of a trust domain (SPIFFE Federation §5): from a file, from an endpoint with a certificate as all of the web has
 * them (`https_web`), or from one with an X.509-SVID of that very trust domain (`https_spiffe`). `known`: the authorities of
 * the last bundle; before the first one, those of the file.
 */
export async function fetchSpiffeBundle(
  source: BundleSource,
  known: readonly ParsedCertificate[] | undefined,
  fetch: BoundedFetch,
): Promise<Result<FetchedKeys, BundleRefusal>> {
  if (source.uri === undefined) return readBundleFile(source.file)
  const options = await endpointOptions(source, known)
  if (!options.ok) return options
  const fetched = await fetch(source.uri, options.value)
  return fetched.ok ? bundleOf(fetched.value.body) : fetched
}

async function readBundleFile(file: string | undefined): Promise<Result<FetchedKeys, BundleRefusal>> {
  const bytes = file === undefined ? undefined : await readFile(file).catch(() => undefined)
  if (bytes === undefined || bytes.length > KEY_FETCH.maxBytes) return refuse({ reason: 'bundle_file_unreadable' })
  const bundle = bundleOf(bytes)
  // However long the bundle says that it lasts: a file costs nothing to read again.
  return bundle.ok ? ok({ ...bundle.value, maxAge: 0 }) : bundle
}

function bundleOf(bytes: Buffer): Result<FetchedKeys, BundleRefusal> {
  const bundle = parseSpiffeBundle(parseStrictObject(bytes))
  if (bundle === undefined) return refuse({ reason: 'key_set_invalid' })
  return ok({ set: bundle.keys, roots: bundle.roots, maxAge: bundle.refreshHint })
}

async function endpointOptions(
  { ca, endpointId, file }: BundleSource,
  known: readonly ParsedCertificate[] | undefined,
): Promise<Result<FetchOptions, BundleRefusal>> {
  const accept = 'application/json'
  if (endpointId === undefined) return ok({ ...KEY_FETCH, accept, ...(ca === undefined ? {} : { ca }) })
  const initial = known === undefined ? await readBundleFile(file) : undefined
  if (initial?.ok === false) return initial
  const roots = known ?? initial?.value.roots ?? []
  // Without any, the platform's own would be believed.
  if (roots.length === 0) return refuse({ reason: 'bundle_file_unreadable' })
  return ok({
    ...KEY_FETCH,
    accept,
    ca: roots.map(({ der }) => toPem('CERTIFICATE', der)).join(''),
    isServer: (der) => isEndpoint(der, endpointId),
  })
}

/** SPIFFE Federation §5.2.2: the server is known by its SPIFFE ID, not by its host. */
function isEndpoint(der: Buffer, endpointId: string): boolean {
  const certificate = parseCertificate(der)
  if (!certificate.ok) return false
  const [name, ...others] = certificate.value.subjectAltNames.filter(({ form }) => form === 'uri')
  return name !== undefined && 'text' in name && name.text === endpointId && others.length === 0
}
