// @ts-check
import { createDelivery as create } from '../../../dist/exchange/delivery.js'
import { mark } from './marks.mjs'
import { laidOver } from './lay-over.mjs'

export * from '../../../dist/exchange/delivery.js'

/** @type {typeof create} */
export const createDelivery = (deps) => {
  const delivery = create(deps)
  return laidOver(delivery, {
    sent: (id) => {
      mark('sent', id)
      delivery.sent(id)
    },
  })
}
