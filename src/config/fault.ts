/** One thing that is wrong with the configuration: where, what, and what to do about it. */
export interface ConfigFault {
  /** As one would write it: `resources[0].scopes["deploy:staging"].tier`; `line 3, column 5` for what is not YAML. */
  readonly path: string
  readonly message: string
  readonly remedy: string
}

export type Path = readonly PropertyKey[]

/** Notes a fault and goes on: all are told at once (contract §3). */
export type Report = (path: Path, message: string, remedy: string) => void

const PLAIN_KEY = /^[A-Za-z_][\w-]*$/

export function formatPath(path: Path): string {
  const text = path.map((step) => {
    if (typeof step === 'number') return `[${step}]`
    const key = String(step)
    return PLAIN_KEY.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
  })
  return text.join('').replace(/^\./, '') || '(the file)'
}

/** For a person at a terminal: one fault, two lines. */
export const formatFault = ({ path, message, remedy }: ConfigFault): string => `${path}: ${message}\n  ${remedy}`
