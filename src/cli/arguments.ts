import { InvalidArgumentError } from 'commander'

/** Values on the command line. What is wrong with one is said before anything is sent. */
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** `90s`, `15m`, `1h`, `30d`, as in the configuration. @returns seconds */
export function seconds(text: string): number {
  const [, count = '', unit = ''] = /^([1-9]\d{0,8})([smhd])$/.exec(text) ?? []
  const size = UNITS[unit]
  if (size === undefined) throw new InvalidArgumentError('Write a whole number and its unit: 90s, 15m, 1h or 30d.')
  return Number(count) * size
}

export function wholeNumber(text: string): number {
  if (!/^(?:0|[1-9]\d{0,8})$/.test(text)) throw new InvalidArgumentError('Write a whole number.')
  return Number(text)
}

/** `name=value`, repeated: one record of all. */
export function namedValue(
  text: string,
  previous: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('Write name=value.')
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) }
}

export const repeated = (text: string, previous: readonly string[] = []): readonly string[] => [...previous, text]

const id =
  (prefix: string, what: string) =>
  (text: string): string => {
    if (!new RegExp(`^${prefix}_[0-9a-f]{34}$`, 'u').test(text))
      throw new InvalidArgumentError(`A ${what} id is ${prefix}_ and 34 hex digits.`)
    return text
  }

export const grantId = id('gr', 'grant')
export const taskId = id('tk', 'task')

export function brokerUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new InvalidArgumentError('Write the address of the broker, as in https://errand.example.com')
  const { origin, pathname } = new URL(text)
  return origin + pathname.replace(/\/+$/, '')
}
