import { z } from 'zod'

/** A number in a query: decimal digits and nothing else, from 1 to `longest`; `usual` when it is left out. */
export const wholeNumber = (longest: number, usual: number) =>
  z
    .string()
    .refine((text) => /^[1-9]\d{0,8}$/.test(text) && Number(text) <= longest, `not a whole number from 1 to ${longest}`)
    .optional()
    .transform((text) => Number(text ?? usual))
    .meta({ type: 'integer', minimum: 1, maximum: longest, default: usual })
