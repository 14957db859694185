// @ts-check

/**
 * The same object with some of its methods replaced; the others still run on the object itself, private members and all.
 * @template {object} T
 * @param {T} object
 * @param {Partial<T>} methods
 * @returns {T}
 */
export const laidOver = (object, methods) =>
  new Proxy(object, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return Reflect.get(methods, name)
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
