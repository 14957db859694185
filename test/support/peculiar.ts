/*
 * @peculiar/x509 as a second opinion. The injection library below it wants reflection over decorators, which is a package
 * of its own; it asks only whether there is any, so "none" is all the answer that it needs.
 */
const none = { getMetadata: () => undefined, getOwnMetadata: () => undefined, defineMetadata: () => undefined }
Object.assign(Reflect, none)

const x509 = await import('@peculiar/x509')
export const { X509Certificate, X509Crl } = x509
