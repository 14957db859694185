// Each test file has globals of its own, so that an error made by Node itself (by fs, fetch, an aborted signal) would be
// no instance of its Error, as it is in the program. Here it is one again.
const realm = { Error, TypeError }
const nodes = {
  Error: Object.getPrototypeOf(DOMException.prototype),
  TypeError: Object.getPrototypeOf(thrownBy(() => new URL(''))),
}

for (const name of ['Error', 'TypeError']) {
  Object.defineProperty(realm[name], Symbol.hasInstance, {
    configurable: true,
    // Subclasses inherit this: for them nothing changes.
    value(value) {
      if (Function.prototype[Symbol.hasInstance].call(this, value)) return true
      return this === realm[name] && Object.prototype.isPrototypeOf.call(nodes[name], value)
    },
  })
}

function thrownBy(call) {
  try {
    return call()
  } catch (error) {
    return error
  }
}
