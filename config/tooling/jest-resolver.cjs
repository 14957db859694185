// Sources import './x.js' as Node needs it; the tests run './x.ts' directly. Packages are left alone, so that one
// which ships both files still gets its own .js.
const { existsSync } = require('node:fs')
const { resolve, sep } = require('node:path')

const RELATIVE_JS = /^\.{1,2}\/.*\.js$/

module.exports = (path, options) => {
  if (RELATIVE_JS.test(path) && !options.basedir.includes(`${sep}node_modules${sep}`)) {
    const source = resolve(options.basedir, path.replace(/\.js$/, '.ts'))
    if (existsSync(source)) return source
  }
  return options.defaultResolver(path, options)
}
