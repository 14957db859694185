import { plainText } from '../oauth/plain-text.js'

/**
 * Texts for a terminal. Whoever names a workflow or a purpose writes what is shown here, so control characters, which
 * could move the cursor or change what stands above, are stripped again where it is printed.
 */
export const shown = (text: string): string => plainText(text)

/** Left-aligned columns, two spaces apart; the last one is not padded. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows)
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, [...cell].length)
  return rows
    .map((row) =>
      row
        .map((cell, at) => (at === row.length - 1 ? cell : pad(cell, widths[at] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Names and values below one another; a value may have several lines. Entries without a value are left out. */
export function facts(entries: readonly (readonly [name: string, value: string | undefined])[]): string {
  const there = entries.filter((entry): entry is readonly [string, string] => entry[1] !== undefined && entry[1] !== '')
  const width = Math.max(0, ...there.map(([name]) => name.length))
  return there
    .map(([name, value]) => `${pad(name, width)}  ${value.split('\n').join(`\n${' '.repeat(width + 2)}`)}`)
    .join('\n')
}

export const indent = (text: string, by: number): string =>
  text
    .split('\n')
    .map((line) => (line === '' ? line : ' '.repeat(by) + line))
    .join('\n')

const pad = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - [...text].length))

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
] as const

/** `1h 30m`: the two largest units that count. */
export function duration(seconds: number): string {
  let rest = Math.max(0, Math.round(seconds))
  const parts: string[] = []
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count}${unit}`)
  }
  return parts.slice(0, 2).join(' ') || '0s'
}
