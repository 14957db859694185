import { z } from 'zod'
import * as value from '../values.js'

export const listener = z
  .strictObject({
    host: value.host().describe('The address to listen on.'),
    port: value.wholeNumber(0, 65_535).describe('The port; 0 takes any that is free.'),
    serve: z
      .array(z.enum(['api', 'mtls', 'pki', 'metrics']))
      .min(1)
      .describe(
        '`api`: everything for clients and people; `mtls`: the same, for clients that show a certificate (RFC 8705); `pki`: the CRLs, OCSP and the certificates of the CA, for verifiers; `metrics`: Prometheus.',
      ),
    tls: z
      .strictObject({
        cert_file: value.file().describe('PEM of the certificate, its chain after it.'),
        key_file: value.file().describe('PEM of its private key.'),
        client_ca_file: value
          .file()
          .optional()
          .describe(
            'PEM of the CAs of client certificates, for `mtls`: others are refused. Without it any certificate is taken, and proves its key alone. Not with `behind_proxy`: there the proxy checks them.',
          ),
      })
      .optional()
      .describe('Serve https. Without it, plain http: only on loopback, for `pki`, or with `behind_proxy: true`.'),
    behind_proxy: z
      .boolean()
      .default(false)
      .describe('A proxy in front terminates TLS and is the only way to this port.'),
    trusted_proxies: z
      .array(value.addressRange())
      .default([])
      .describe(
        "Whose `X-Forwarded-For` is believed for the caller's address, and with `mtls` whose `Client-Cert` (RFC 9440) for its certificate. Nobody's by default.",
      ),
    url: value
      .mutualTlsUrl()
      .optional()
      .describe(
        "For `mtls`: where clients reach it, `https://host:port`; the issuer's path follows. Default: the issuer's host with this port. Required with `behind_proxy`.",
      ),
  })
  .describe('Where Errand listens.')
