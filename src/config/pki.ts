import type { Draft } from './draft.js'
import { checkKeyPair, type Desk } from './files.js'
import type { PkiSettings } from './settings.js'

/** Seconds that a self-made issuing CA signs, where there is no `pki`. */
const ROTATE_EVERY = 30 * 86_400

/** The certificate authority: whether the files are there and belong together. What they say is checked when they are used. */
export function settlePki({ pki }: Draft, desk: Desk): PkiSettings {
  if (pki === undefined) return { rotateEvery: ROTATE_EVERY }
  const { cert_file, key_file, root_crl_file } = pki
  if (cert_file !== undefined && key_file !== undefined) checkKeyPair(desk, ['pki'], { cert_file, key_file })
  else if (cert_file !== undefined || key_file !== undefined) reportHalf(cert_file === undefined, desk)
  if (root_crl_file !== undefined) desk.read(['pki', 'root_crl_file'], root_crl_file)
  return {
    url: pki.url.replace(/\/+$/, ''),
    rotateEvery: pki.rotate_every,
    ...(cert_file !== undefined &&
      key_file !== undefined && { given: { certFile: desk.resolve(cert_file), keyFile: desk.resolve(key_file) } }),
    ...(root_crl_file !== undefined && { rootCrlFile: desk.resolve(root_crl_file) }),
  }
}

function reportHalf(lacksCertificate: boolean, desk: Desk): void {
  const [there, missing] = lacksCertificate ? ['key_file', 'cert_file'] : ['cert_file', 'key_file']
  desk.report(['pki', there], `stands without ${missing}`, `add ${missing}; or take both out: Errand makes a CA itself`)
}
