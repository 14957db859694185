import { describe, expect, test } from '@jest/globals'
import { OIDS } from '../../../src/x509/oids.js'
import { certify, nameOf, pem, revocationList, testKey } from '../../support/certificates.js'
import { changed, faultsOf, files, settingsOf, sound } from './support.js'

const root = certify({ ca: true, subject: nameOf('Root') })
const weak = certify({ ca: true, key: testKey('rsa', 1024) })
const leaf = certify({}, root)
const held = files as Map<string, string>
held.set('/etc/errand/roots.pem', pem(root.der))
held.set('/etc/errand/mixed.pem', pem(root.der) + pem(weak.der) + pem(leaf.der))
held.set('/etc/errand/root.crl', pem(revocationList(root), 'X509 CRL'))
held.set('/etc/errand/endless.crl', pem(revocationList(root, { nextUpdate: null }), 'X509 CRL'))

const withSource = (entry: Record<string, unknown>) =>
  changed(sound(), { 'workloads[2]': { name: 'odd', audiences: ['errand'], owner: 'platform', ...entry } })
const faults = (entry: Record<string, unknown>) =>
  faultsOf(withSource(entry)).map(({ path, message }) => `${path.replace('workloads[2].', '')}: ${message}`)

describe('preset: spiffe', () => {
  const mesh = { preset: 'spiffe', issuer: 'spiffe://prod.example.com' }
  const bundle = { uri: 'https://bundle.example.com/' }

  test('a trust domain with an endpoint', () => {
    const { workloads } = settingsOf(withSource({ ...mesh, bundle }))
    expect(workloads[2]).toMatchObject({
      issuer: 'spiffe://prod.example.com',
      trustDomain: 'prod.example.com',
      keys: { bundle },
      reuse: 'until_expiry',
    })
  })

  test.each([
    ['without a bundle', {}, ['bundle: says nowhere where the bundle is']],
    ['with an empty one', { bundle: {} }, ['bundle: says nowhere where the bundle is']],
    [
      'with keys as others have them',
      { bundle, jwks_uri: 'https://keys.example.com', ca_file: 'ca.pem', token_file: 'token' },
      [
        'jwks_uri: is not where a trust domain has its keys',
        'ca_file: is not where a trust domain has its keys',
        'token_file: is not where a trust domain has its keys',
      ],
    ],
    ['of our own', { issuer: 'spiffe://errand.example.com', bundle }, ["issuer: is Errand's own trust domain"]],
    ['by a URL', { issuer: 'https://prod.example.com', bundle }, ['issuer: is no issuer of spiffe']],
    ['by a workload', { issuer: 'spiffe://prod.example.com/x', bundle }, ['issuer: is not a trust domain']],
    ['in upper case', { issuer: 'spiffe://Prod.example.com', bundle }, ['issuer: is not a trust domain']],
    ['with EdDSA', { bundle, algorithms: ['EdDSA'] }, ['algorithms: has one that JWT-SVIDs do not have']],
    ['with two places', { bundle: { ...bundle, file: 'prod.bundle.json' } }, ['bundle.file: stands beside uri']],
    [
      'with a CA of nothing',
      { bundle: { file: 'prod.bundle.json', ca_file: 'ca.pem' } },
      ['bundle.ca_file: is of no endpoint'],
    ],
    [
      'with a file that is no bundle',
      { bundle: { file: 'api.jwks.json' } },
      ['bundle.file: holds no bundle with a key'],
    ],
    [
      'with an endpoint that nobody can know',
      { bundle: { ...bundle, endpoint_id: 'spiffe://prod.example.com/server' } },
      ['bundle.endpoint_id: cannot be known at first'],
    ],
    [
      'with an endpoint of another trust domain',
      { bundle: { ...bundle, file: 'prod.bundle.json', endpoint_id: 'spiffe://other.example.com/server' } },
      ['bundle.endpoint_id: is of another trust domain'],
    ],
    [
      'with an endpoint that is known twice',
      {
        bundle: { ...bundle, file: 'prod.bundle.json', ca_file: 'ca.pem', endpoint_id: 'spiffe://prod.example.com/s' },
      },
      ['bundle.ca_file: stands beside endpoint_id'],
    ],
  ])('%s it does not load', (_, changes, expected) => {
    expect(faults({ ...mesh, ...changes })).toEqual(expected)
  })

  test('what is for trust domains is for nobody else', () => {
    expect(faults({ preset: 'generic', issuer: 'spiffe://prod.example.com', bundle })).toEqual([
      'bundle: is for trust domains',
      'issuer: is a trust domain',
    ])
  })
})

describe('preset: attestation', () => {
  const certificates = { roots_file: 'roots.pem', subject: 'uri' }
  const devices = { preset: 'attestation', issuer: 'https://devices.example.com' }

  test('roots, and what they are asked for by default', () => {
    const { workloads } = settingsOf(
      withSource({ ...devices, certificates: { ...certificates, crl_files: ['root.crl'] } }),
    )
    expect(workloads[2]).toMatchObject({
      reuse: 'once',
      maxAge: 300,
      attestation: {
        roots: [expect.anything()],
        crlFiles: ['/etc/errand/root.crl'],
        purpose: { extendedKeyUsage: OIDS.clientAuth, stated: false },
        subject: 'uri',
      },
    })
  })

  test('a purpose of its own must be stated', () => {
    const own = withSource({ ...devices, certificates: { ...certificates, extended_key_usage: '2.23.133.8.3' } })
    expect(settingsOf(own).workloads[2]?.attestation?.purpose).toEqual({
      extendedKeyUsage: '2.23.133.8.3',
      stated: true,
    })
  })

  test.each([
    ['without certificates', { certificates: undefined }, ['certificates: is missing']],
    ['that serves more than once', { reuse: 'task' }, ['reuse: is not once']],
    ['with keys to fetch', { jwks_uri: 'https://keys.example.com' }, ['jwks_uri: is for keys that are fetched']],
    [
      'with roots that are none',
      { certificates: { ...certificates, roots_file: 'mixed.pem' } },
      [
        'certificates.roots_file: certificate 2 cannot be a root: certificate key not allowed',
        'certificates.roots_file: certificate 3 cannot be a root: certificate not a ca',
      ],
    ],
    [
      'with a CRL that never ends',
      { certificates: { ...certificates, crl_files: ['endless.crl'] } },
      ['certificates.crl_files[0]: is no CRL: there is no nextUpdate'],
    ],
    [
      'with a CRL that is none',
      { certificates: { ...certificates, crl_files: ['roots.pem'] } },
      ['certificates.crl_files[0]: is no CRL: holds no X509 CRL'],
    ],
    [
      'without a name that is the workload',
      { certificates: { roots_file: 'roots.pem' } },
      ['certificates.subject: is missing'],
    ],
  ])('%s it does not load', (_, changes, expected) => {
    expect(faults({ ...devices, certificates, ...changes })).toEqual(expected)
  })

  test('what is for attestations is for nobody else', () => {
    expect(faults({ preset: 'generic', issuer: 'https://ci.example.com', certificates })).toEqual([
      'certificates: is for attestations',
    ])
  })
})
