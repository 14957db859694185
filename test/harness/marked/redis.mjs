// @ts-check
import { openRedisStores as open } from '../../../dist/storage/redis/open.js'
import { marked } from './stores.mjs'

export * from '../../../dist/storage/redis/open.js'

/** @type {typeof open} */
export const openRedisStores = async (options) => marked(await open(options))
