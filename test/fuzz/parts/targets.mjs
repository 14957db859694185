// @ts-check
// What every input must hold to, whatever it is: no exception, no work beyond what its size allows, and no certificate for
// anybody who did not sign for it.
import { sign, X509Certificate } from 'node:crypto'
import forge from 'node-forge'
import { issueCertificate } from '../../../dist/issuance/certificate.js'
import { parseCertificate } from '../../../dist/x509/certificate.js'
import { parseCrl } from '../../../dist/x509/crl.js'
import { parseCsr } from '../../../dist/x509/csr.js'
import { readDer } from '../../../dist/x509/read-der.js'
import { OIDS } from '../../../dist/x509/oids.js'
import { validatePath } from '../../../dist/x509/path-validation.js'
import { requireAlgorithm } from '../../../dist/x509/signing.js'
import { makeCorpus } from './corpus.mjs'
import { MUTATORS, placesIn, tlv } from './mutate.mjs'
import { randomOf } from './random.mjs'

/** @typedef {import('./corpus.mjs').Sample} Sample */
/** @typedef {{ name: string, der: Buffer, isSignedAgain: boolean }} Input */

const SPIFFE_ID = 'spiffe://errand.example.com/fuzz/1'
/** Of a hundred requests, those that their own key signs after they were spoilt: they come as far as a sound one. */
const SIGNED_AGAIN = 15

/** @param {number} now seconds */
export function createTargets(now) {
  const { samples, authority, chain, anchor } = makeCorpus(now)
  const ders = samples.map(({ der }) => der)
  const requests = samples.filter(({ kind }) => kind === 'csr')
  const known = new Set(requests.map(({ der }) => signedPartOf(der)?.toString('hex')))
  const parsedAnchor = parseCertificate(anchor)
  if (!parsedAnchor.ok) throw new Error('the corpus is not sound')
  const rules = { anchors: [parsedAnchor.value], now, purpose: { extendedKeyUsage: OIDS.clientAuth, stated: true } }
  const steps = countSteps()
  const template = {
    id: /** @type {const} */ ('cr_4a000102030405060708090a0b0c0d0e0f'),
    spiffeId: SPIFFE_ID,
    notBefore: now,
    notAfter: now + 60,
    authority,
    provenance: [{ name: /** @type {const} */ ('Grant'), value: 'gr_fuzz' }],
  }

  /**
   * @param {number} seed
   * @param {number} index
   * @returns {Input}
   */
  const inputOf = (seed, index) => {
    const random = randomOf(seed, index)
    const sample = random.pick(samples)
    const names = Object.keys(MUTATORS)
    const chosen = Array.from({ length: 1 + (random.int(4) === 0 ? 1 : 0) }, () => random.pick(names))
    const isSignedAgain = sample.kind === 'csr' && random.int(100) < SIGNED_AGAIN
    const from = isSignedAgain ? (signedPartOf(sample.der) ?? sample.der) : sample.der
    const spoilt = chosen.reduce(
      (der, name) => (der.length > 4 ? (MUTATORS[name]?.(der, random, ders) ?? der) : der),
      from,
    )
    const name = `${sample.name}: ${chosen.join(', ')}${isSignedAgain ? ', signed again' : ''}`
    return { name, der: isSignedAgain ? signedBy(sample, spoilt) : spoilt, isSignedAgain }
  }

  /** @type {Readonly<Record<string, (input: Input) => { accepted: boolean, fault?: string | undefined, reads: number }>>} */
  const targets = {
    der: ({ der }) => {
      const node = readDer(der)
      return {
        accepted: node !== undefined,
        reads: 1,
        fault: node && !isWhole(node) ? 'its parts are not the whole' : undefined,
      }
    },
    request: ({ der, isSignedAgain }) => {
      const parsed = parseCsr(der.toString('base64url'))
      if (!parsed.ok) return { accepted: false, reads: 2 }
      return { accepted: true, reads: 2, fault: requestFault(parsed.value, der, isSignedAgain) }
    },
    certificate: ({ der }) => ({ accepted: parseCertificate(der).ok, reads: 3 }),
    'path, as the leaf': ({ der }) => pathOf([der, chain[1] ?? der], chain[0]),
    'path, as its issuer': ({ der }) => pathOf([chain[0] ?? der, der], chain[1]),
    crl: ({ der }) => ({ accepted: parseCrl(der).ok, reads: 3 }),
  }

  /**
   * @param {readonly Buffer[]} path
   * @param {Buffer | undefined} genuine
   */
  const pathOf = (path, genuine) => {
    const { ok } = validatePath(path, rules)
    const tbs = genuine && signedPartOf(genuine)?.toString('hex')
    const isGenuine = path.some((der) => signedPartOf(der)?.toString('hex') === tbs)
    // Both certificates of the path are read, and one of them is sound.
    return { accepted: ok, reads: 4, fault: ok && !isGenuine ? 'a path that nobody signed is valid' : undefined }
  }

  /**
   * Only what its key signed is certified; and it gets the names that were decided, whatever it asks for.
   * @param {import('../../../dist/x509/csr.js').CertificateRequest} request
   * @param {Buffer} der
   * @param {boolean} isSignedAgain
   */
  const requestFault = (request, der, isSignedAgain) => {
    if (!isSignedAgain && !known.has(signedPartOf(der)?.toString('hex')))
      return 'a request that nobody signed is accepted'
    const leaf = new X509Certificate(issueCertificate({ ...template, request }))
    const isAsDecided = leaf.subjectAltName === `URI:${SPIFFE_ID}` && leaf.subject === undefined && !leaf.ca
    return isAsDecided && leaf.publicKey.equals(request.publicKey)
      ? undefined
      : 'a certificate has what was not decided'
  }

  // What is sound must pass, or nothing that is refused says anything.
  for (const { name, kind, der } of samples) {
    if (
      !{ csr: targets['request'], certificate: targets['certificate'], crl: targets['crl'] }[kind]?.({
        name,
        der,
        isSignedAgain: false,
      }).accepted
    )
      throw new Error(`${name} is refused`)
  }
  const sound = validatePath(chain, rules)
  if (!sound.ok) throw new Error(`the path is refused: ${sound.refusal.reason}`)

  return { inputOf, targets, steps, genuineBytes: Math.max(...ders.map(({ length }) => length)) }
}

/** The first part of a request, certificate or CRL, as it stands: what the signature is over. */
function signedPartOf(/** @type {Buffer} */ der) {
  const [root, part] = placesIn(der)
  return root && part && part.start === root.content ? der.subarray(part.start, part.end) : undefined
}

/**
 * @param {Sample} sample
 * @param {Buffer} info
 */
function signedBy({ key }, info) {
  const { digest, identifier } = requireAlgorithm(key)
  const signature = sign(digest, info, key)
  return tlv(0x30, Buffer.concat([info, identifier, tlv(3, Buffer.concat([Buffer.alloc(1), signature]))]))
}

/**
 * @param {import('../../../dist/x509/read-der.js').DerNode} node
 * @returns {boolean}
 */
function isWhole(node) {
  if (!node.constructed) return node.children.length === 0
  return Buffer.concat(node.children.map(({ bytes }) => bytes)).equals(node.content) && node.children.every(isWhole)
}

/** Forge makes one object for each element that it reads, by a function that can be counted. */
function countSteps() {
  let count = 0
  const create = forge.asn1.create
  forge.asn1.create = (...args) => {
    count += 1
    return create(...args)
  }
  return {
    take: () => {
      const taken = count
      count = 0
      return taken
    },
  }
}
