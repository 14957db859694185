/** The known word that was most likely meant; `undefined` when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  // An inline secret or file is the common slip: `password` for `password_file`.
  const longer = known.find((candidate) => candidate.startsWith(`${word}_`))
  if (longer !== undefined) return longer
  const limit = Math.min(3, Math.max(1, Math.floor(word.length / 3)))
  const [best] = known
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
  return best?.candidate
}

/** `did you mean "x"?`, or what is known. */
export function hint(word: string, known: readonly string[], what: string): string {
  const near = nearest(word, known)
  if (near !== undefined) return `did you mean ${JSON.stringify(near)}?`
  return known.length === 0 ? `there are no ${what} here: remove it` : `${what} here: ${known.join(', ')}`
}

/** Insertions, deletions, replacements and swaps of neighbours, each at the cost of one. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, at) => at)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      const before = rows[i - 1] ?? []
      let least = Math.min((before[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (before[j - 1] ?? 0) + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) least = Math.min(least, (rows[i - 2]?.[j - 2] ?? 0) + 1)
      row.push(least)
    }
    rows.push(row)
  }
  return rows[a.length]?.[b.length] ?? 0
}
