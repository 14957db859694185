// @ts-check
// Writes the documents that are made from the program, or, with --check, fails if one of them is out of date.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { at } from './paths.mjs'

const { configurationDocuments } = await import(at('dist/config/generate-docs.js'))

/** @type {readonly { path: string, make: () => string | Promise<string> }[]} each is made from dist, which is built before */
const documents = [...configurationDocuments]

const checkOnly = process.argv.includes('--check')
for (const { path, make } of documents) {
  const text = await make()
  if (readText(at(path)) === text) continue
  if (checkOnly) {
    console.error(`${path} is out of date`)
    process.exitCode = 1
  } else {
    mkdirSync(dirname(at(path)), { recursive: true })
    writeFileSync(at(path), text)
    console.log(`wrote ${path}`)
  }
}

/** @param {string} path */
function readText(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
