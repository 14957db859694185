import { z } from 'zod'
import * as value from '../values.js'

export const pki = z
  .strictObject({
    url: value
      .pkiUrl()
      .describe(
        'Where certificates say that CRLs, OCSP and the certificates of the CA are: plain http, since whoever checks a certificate for https cannot ask by https. It leads to a listener that serves `pki` or `api`.',
      ),
    rotate_every: value
      .duration('1h', '366d')
      .prefault('30d')
      .describe('How long one issuing CA of our own making signs.'),
    cert_file: value
      .file()
      .optional()
      .describe(
        "An issuing CA below somebody else's root: PEM of its certificate, what is above it after it, the root last. Default: Errand makes root and issuing CA itself, or `errand ca import` has brought one.",
      ),
    key_file: value
      .file()
      .optional()
      .describe(
        'PEM of its private key. It is kept in the store as well, encrypted, so that its CRL goes on when the files are replaced.',
      ),
    root_crl_file: value
      .file()
      .optional()
      .describe('The CRL of what is above it, DER or PEM, read at the start; later ones by `errand ca import-crl`.'),
  })
  .optional()
  .describe(
    'The certificate authority. Without it certificates name no place for CRL and OCSP, which `api` serves all the same.',
  )
