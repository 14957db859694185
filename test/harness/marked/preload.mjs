// @ts-check
// Preloaded by `--import` into a broker that is otherwise as it is run: modules at which a step of an issuance can be
// seen are replaced by ones that do the same and leave a mark. Nothing in the broker knows.
import { register } from 'node:module'

register('./hooks.mjs', import.meta.url)
