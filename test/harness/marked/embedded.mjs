// @ts-check
import { openEmbeddedStores as open } from '../../../dist/storage/embedded/open.js'
import { marked } from './stores.mjs'

export * from '../../../dist/storage/embedded/open.js'

/** @type {typeof open} */
export const openEmbeddedStores = async (options) => marked(await open(options))
